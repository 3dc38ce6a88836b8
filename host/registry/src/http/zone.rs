//! Networks that an answer must not lead into: where an address lies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address lies, seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// The internet.
    Public,
    /// A private network (RFC 1918, RFC 4193), or one behind a provider's address translation (RFC
    /// 6598).
    Private,
    /// The neighbours on a wire, and the metadata services of clouds (RFC 3927).
    LinkLocal,
    /// This machine.
    Loopback,
}

impl Zone {
    /// The zone of an address. An IPv6 address that stands for an IPv4 address has its zone.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    const fn of_v4(address: Ipv4Addr) -> Self {
        match address.octets() {
            // Linux connects to itself for `0.0.0.0`.
            [0 | 127, ..] => Self::Loopback,
            [169, 254, ..] => Self::LinkLocal,
            [10, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            // Shared address space.
            | [100, 64..=127, ..]
            // Protocol assignments and benchmarks (RFC 6890).
            | [192, 0, 0, _]
            | [198, 18 | 19, ..]
            // Multicast, reserved, broadcast.
            | [224..=255, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Self::Loopback,
            // Mapped and compatible addresses (RFC 4291), translated ones (RFC 2765, 6052, 8215).
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
            | [0, 0, 0, 0, 0xffff, 0, high, low]
            | [0x64, 0xff9b, 0 | 1, _, _, _, high, low]
            // 6to4 (RFC 3056).
            | [0x2002, high, low, ..] => Self::of_v4(v4(high, low)),
            [0xfe80..=0xfebf, ..] => Self::LinkLocal,
            // Unique local, site-local (deprecated), multicast.
            [0xfc00..=0xfdff | 0xfec0..=0xffff, ..] => Self::Private,
            _ => Self::Public,
        }
    }

    /// Whether an answer from here may lead to `target`.
    ///
    /// A registry on loopback may be a tunnel into a private network.
    pub(crate) fn may_lead_to(self, target: Self) -> bool {
        target == Self::Public
            || target == self
            || (self == Self::Loopback && target == Self::Private)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
        })
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use url::{Host, Url};

    use super::Zone;

    #[test]
    fn addresses_in_every_notation_have_a_zone() {
        let zone = |host: &str| {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            match url.host().unwrap() {
                Host::Ipv4(address) => Zone::of(address.into()),
                Host::Ipv6(address) => Zone::of(address.into()),
                Host::Domain(name) => panic!("{name} is a name"),
            }
        };
        for (expected, hosts) in [
            (
                Zone::Loopback,
                "127.0.0.1 127.9.9.9 127.1 2130706433 0x7f000001 017700000001 0.0.0.0 0 \
                 127.0.0.1. [::1] [::] [::ffff:127.0.0.1] [::ffff:0:127.0.0.1] [::127.0.0.1] \
                 [64:ff9b::127.0.0.1] [64:ff9b:1::7f00:1] [2002:7f00:1::]",
            ),
            (
                Zone::LinkLocal,
                "169.254.169.254 0xa9fea9fe 2852039166 [fe80::1] [febf::1] \
                 [::ffff:169.254.169.254]",
            ),
            (
                Zone::Private,
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.0.1 198.18.0.1 \
                 192.0.0.8 224.0.0.1 255.255.255.255 10.1 [fc00::1] [fd12::1] [fec0::1] [ff02::1] \
                 [::ffff:10.0.0.1] [64:ff9b::a00:1]",
            ),
            (
                Zone::Public,
                "8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.169.0.1 169.253.0.1 \
                 [2606:4700::1111] [::ffff:8.8.8.8] [64:ff9b::808:808]",
            ),
        ] {
            for host in hosts.split(' ') {
                assert_eq!(zone(host), expected, "{host}");
            }
        }
    }

    #[test]
    fn nothing_leads_from_the_internet_into_other_networks() {
        let zones = [Zone::Public, Zone::Private, Zone::LinkLocal, Zone::Loopback];
        for (from, allowed) in [
            (Zone::Public, [true, false, false, false]),
            (Zone::Private, [true, true, false, false]),
            (Zone::LinkLocal, [true, false, true, false]),
            (Zone::Loopback, [true, true, false, true]),
        ] {
            assert_eq!(zones.map(|target| from.may_lead_to(target)), allowed, "{from}");
        }
    }
}
