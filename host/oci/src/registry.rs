//! Names of registries: a host, and a port if it is not the default.

mod account;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ReferenceError;
pub use account::{has_account, without_accounts};

/// A registry by its `host[:port]`, in lower case. Aliases of docker.io are unified.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Registry(Arc<str>);

impl Registry {
    /// Docker Hub, the default registry of sources.
    pub fn docker_hub() -> Self {
        Self(Arc::from("docker.io"))
    }

    /// Whether this is Docker Hub, under any of its names.
    pub fn is_docker_hub(&self) -> bool {
        &*self.0 == "docker.io"
    }

    /// The name in references.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of the distribution API, with its port.
    pub fn api_host(&self) -> &str {
        if self.is_docker_hub() { "registry-1.docker.io" } else { &self.0 }
    }

    /// The host without the port, and without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        split_port(&self.0).0.trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether it is `localhost` or a loopback address.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Writes an IPv6 address without brackets, perhaps with a port behind it, as a registry. `None` for
    /// everything else. What may be a port at the end is one; a zone is left out.
    pub fn in_brackets(text: &str) -> Option<String> {
        let address = |text: &str| -> Option<std::net::Ipv6Addr> {
            text.split('%').next().unwrap_or_default().parse().ok()
        };
        let (host, port) = text.rsplit_once(':')?;
        let is_port = port.len() > 1 && port.parse::<u16>().is_ok_and(|port| port > 0);
        match address(host).filter(|_| is_port) {
            Some(address) => Some(format!("[{address}]:{port}")),
            None => address(text).map(|address| format!("[{address}]")),
        }
    }

    /// Whether the first component of a name is a registry. Docker's rule: it has a dot or a port,
    /// or is `localhost`.
    pub fn looks_like_one(component: &str) -> bool {
        component.contains(['.', ':', '[']) || component == "localhost"
    }
}

/// Splits `host:port`; the host may be a bracketed IPv6 address.
fn split_port(text: &str) -> (&str, Option<&str>) {
    let after_bracket = text.rfind(']').map_or(0, |at| at + 1);
    match text[after_bracket..].find(':') {
        Some(at) => (&text[..after_bracket + at], Some(&text[after_bracket + at + 1..])),
        None => (text, None),
    }
}

impl FromStr for Registry {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let bad = |why| ReferenceError::Registry { text: text.to_owned(), why };
        if Self::in_brackets(text).is_some() {
            return Err(bad(
                "an IPv6 address needs brackets, as in [::1] or, with a port, [::1]:5000",
            ));
        }
        let (host, port) = split_port(text);
        if let Some(port) = port
            && (!port.bytes().all(|byte| byte.is_ascii_digit()) || port.parse::<u16>().is_err())
        {
            return Err(bad("the port is not a number between 0 and 65535"));
        }
        if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(bad("the brackets do not contain an IPv6 address"));
            }
        } else {
            let label_is_bad = |label: &str| {
                label.is_empty()
                    || label.starts_with('-')
                    || label.ends_with('-')
                    || !label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            };
            if host.is_empty() || host.split('.').any(label_is_bad) {
                return Err(bad("the host is not a valid host name"));
            }
        }
        let lower = if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        Ok(match &*lower {
            "index.docker.io" | "registry-1.docker.io" | "docker.io" => Self::docker_hub(),
            other => Self(Arc::from(other)),
        })
    }
}

impl AsRef<str> for Registry {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Registry {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Registry> for String {
    fn from(registry: Registry) -> Self {
        registry.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Registry;

    #[test]
    fn docker_hub_has_one_name() {
        for alias in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            let registry: Registry = alias.parse().unwrap();
            assert!(registry.is_docker_hub(), "{alias}");
            assert_eq!(registry.api_host(), "registry-1.docker.io");
        }
    }

    #[test]
    fn loopback_is_recognised() {
        for (text, loopback) in [
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("[::1]:5000", true),
            ("127.evil.example", false),
            ("example.com", false),
        ] {
            assert_eq!(text.parse::<Registry>().unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn an_ipv6_address_without_brackets_says_how_to_write_it() {
        for (text, written) in [
            ("::1", "[::1]"),
            ("::", "[::]"),
            ("::1:5000", "[::1]:5000"),
            ("fd00::1", "[fd00::1]"),
            ("fd00::1:443", "[fd00::1]:443"),
            ("2001:db8:0:0:0:0:0:1", "[2001:db8::1]"),
            ("2001:db8:0:0:0:0:0:1:80", "[2001:db8::1]:80"),
            ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]"),
            ("fe80::1%eth0", "[fe80::1]"),
            ("fe80::1%eth0:5000", "[fe80::1]:5000"),
        ] {
            assert_eq!(Registry::in_brackets(text).as_deref(), Some(written), "{text}");
            assert!(written.parse::<Registry>().is_ok(), "{written}");
            let error = text.parse::<Registry>().unwrap_err().to_string();
            assert!(error.contains("needs brackets, as in [::1]"), "{error}");
        }
        for text in ["a:1:2", "host::5000", ":5000", "[::1", "::1]", "::g"] {
            let error = text.parse::<Registry>().unwrap_err().to_string();
            assert!(!error.contains("needs brackets"), "{error}");
        }
        for text in ["[::1]", "[::1]:5000", "[fd00::1]:443"] {
            assert!(text.parse::<Registry>().is_ok(), "{text}");
        }
    }

    #[test]
    fn broken_hosts_are_refused() {
        for text in [
            "",
            "a b",
            "a:port",
            "a:+80",
            "a:99999",
            "-a.io",
            "a..io",
            "[::g]:1",
            "https://a",
            "a/b",
        ] {
            assert!(text.parse::<Registry>().is_err(), "{text:?}");
        }
    }
}
