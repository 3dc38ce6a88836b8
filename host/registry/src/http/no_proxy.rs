//! `NO_PROXY`: the hosts that are reached without a proxy.
//!
//! Tools read it in different ways. This is what curl and Go's programs agree on, and more where
//! one of them takes it: `*`, a host with or without a port, `.example.com`, `*.example.com`, an
//! address, and a network of addresses.

use crate::http::address::host_of;
use std::net::IpAddr;

use url::{Host, Url};

use longshore_oci::Registry;

/// The entries of `NO_PROXY`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoProxy(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    /// A network, by an address in it and the length of its prefix.
    Network(IpAddr, u8),
    Host {
        name: Host,
        port: Option<u16>,
        /// Whether the host itself is meant too.
        itself: bool,
    },
}

impl NoProxy {
    /// Parses a list with commas or blanks. Entries that mean nothing are left out with a warning.
    pub(crate) fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ', '\t', '\n', '\r']).filter(|entry| !entry.is_empty());
        let known = |text| {
            let entry = Entry::parse(text);
            if entry.is_none() {
                tracing::warn!(
                    "ignored {text:?} of NO_PROXY: it is not a host, an address or a network such as 10.0.0.0/8"
                );
            }
            entry
        };
        Self(entries.filter_map(known).collect())
    }

    /// Whether `url` is reached without a proxy. Loopback always is.
    pub(crate) fn has(&self, url: &Url) -> bool {
        is_loopback(url) || self.0.iter().any(|entry| entry.covers(url))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, length)) = text.split_once('/') {
            let address: IpAddr = bare(address).parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let length = length.parse().ok().filter(|length| *length <= most)?;
            return Some(Self::Network(address, length));
        }
        if let Ok(address) = bare(text).parse::<IpAddr>() {
            let name = match address {
                IpAddr::V4(address) => Host::Ipv4(address),
                IpAddr::V6(address) => Host::Ipv6(address),
            };
            return Some(Self::Host { name, port: None, itself: true });
        }
        let after_address = text.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match text[after_address..].split_once(':') {
            Some((_, port)) => (&text[..text.len() - port.len() - 1], Some(port.parse().ok()?)),
            None => (text, None),
        };
        let (name, itself) = match host.strip_prefix("*.") {
            Some(name) => (name, false),
            None => (host.strip_prefix('.').unwrap_or(host), true),
        };
        let name = Host::parse(name.strip_suffix('.').unwrap_or(name)).ok()?;
        // `*` is valid in a name of the resolver.
        let is_plain = !matches!(&name, Host::Domain(name) if name.contains('*'));
        is_plain.then_some(Self::Host { name, port, itself })
    }

    fn covers(&self, url: &Url) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, length) => {
                address_of(url).is_some_and(|address| is_in(address, *network, *length))
            }
            Self::Host { port, .. } if port.is_some() && *port != url.port_or_known_default() => {
                false
            }
            Self::Host { name: Host::Domain(name), itself, .. } => {
                let Some(Host::Domain(host)) = url.host() else { return false };
                let host = host.strip_suffix('.').unwrap_or(host);
                match host.strip_suffix(name.as_str()) {
                    Some("") => *itself,
                    Some(before) => before.ends_with('.'),
                    None => false,
                }
            }
            Self::Host { name: Host::Ipv4(address), .. } => {
                address_of(url) == Some(IpAddr::V4(*address))
            }
            Self::Host { name: Host::Ipv6(address), .. } => {
                address_of(url) == Some(IpAddr::V6(*address).to_canonical())
            }
        }
    }
}

/// An address without the brackets of an IPv6 address.
fn bare(address: &str) -> &str {
    let inner = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(address)
}

/// The address that a URL names itself. Names are not resolved: the proxy may know others.
fn address_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address).to_canonical()),
        Host::Domain(_) => None,
    }
}

fn is_in(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let behind = 128 - u32::from(length);
    let prefix = |address| bits(address).checked_shr(behind).unwrap_or_default();
    address.is_ipv4() == network.is_ipv4() && prefix(address) == prefix(network)
}

fn is_loopback(url: &Url) -> bool {
    host_of(url).parse::<Registry>().is_ok_and(|registry| registry.is_loopback())
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::NoProxy;

    fn has(list: &str, host: &str) -> bool {
        NoProxy::parse(list).has(&Url::parse(&format!("https://{host}/v2/")).unwrap())
    }

    #[test]
    fn names_addresses_and_networks_are_understood() {
        for (list, hosts, others) in [
            ("*", &["r.test", "10.0.0.1", "[fd00::1]:5000"][..], &[][..]),
            (
                "r.test",
                &["r.test", "R.TEST", "r.test.", "a.b.r.test", "r.test:5000"],
                &["ar.test", "test"],
            ),
            ("r.test.", &["r.test"], &["s.test"]),
            (".r.test", &["r.test", "a.r.test"], &["ar.test"]),
            ("*.r.test", &["a.r.test", "a.b.r.test", "a.r.test:5000"], &["r.test", "ar.test"]),
            ("r.test:5000", &["r.test:5000", "a.r.test:5000"], &["r.test", "r.test:5001"]),
            ("r.test:443", &["r.test", "r.test:443"], &["r.test:5000"]),
            ("*.r.test:5000", &["a.r.test:5000"], &["r.test:5000", "a.r.test"]),
            ("bücher.test", &["xn--bcher-kva.test"], &[]),
            (
                "10.1.2.3",
                &["10.1.2.3", "10.1.2.3:5000", "[::ffff:10.1.2.3]"],
                &["10.1.2.4", "10.1.2.3.test"],
            ),
            ("10.1.2.3:5000", &["10.1.2.3:5000"], &["10.1.2.3"]),
            ("10.0.0.0/8", &["10.1.2.3", "10.255.0.1:5000"], &["11.0.0.1", "10.test", "[::a00:1]"]),
            ("10.1.2.128/25", &["10.1.2.200"], &["10.1.2.100"]),
            ("0.0.0.0/0", &["8.8.8.8"], &["[2001:db8::1]", "r.test"]),
            ("fd00::1", &["[fd00::1]", "[fd00::1]:5000", "[FD00:0::1]"], &["[fd00::2]"]),
            ("[fd00::1]", &["[fd00::1]"], &["[fd00::2]"]),
            ("[fd00::1]:5000", &["[fd00::1]:5000"], &["[fd00::1]"]),
            ("fd00::/8", &["[fd12::1]"], &["[fe00::1]", "10.0.0.1"]),
            ("::/0", &["[2001:db8::1]"], &["8.8.8.8"]),
            (" a.test ,, b.test\tc.test ", &["a.test", "b.test", "c.test"], &["d.test"]),
            ("", &["localhost", "127.0.0.1:5000", "[::1]"], &["r.test"]),
        ] {
            for host in hosts {
                assert!(has(list, host), "{list:?} leaves {host} out");
            }
            for host in others {
                assert!(!has(list, host), "{list:?} has {host}");
            }
        }
    }

    #[test]
    fn what_means_nothing_is_left_out() {
        for entry in [
            "10.0.0.0/33",
            "fd00::/129",
            "r.test/8",
            "r.test:x",
            "r.test:99999",
            "a*.test",
            "http://r.test",
            "[r.test",
        ] {
            let list = NoProxy::parse(&format!("{entry},s.test"));
            assert_eq!(list.0.len(), 1, "{entry}");
            assert!(list.has(&Url::parse("https://s.test").unwrap()), "{entry}");
        }
    }
}
