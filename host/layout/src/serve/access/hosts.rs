//! The names that this registry answers to.
//!
//! A web page can make its own name stand for 127.0.0.1 (DNS rebinding), and then read and write a
//! registry that only listens on loopback. Its requests still say the page's name.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderName, StatusCode};

use crate::serve::response::{Code, Refusal};

/// The names of this registry.
#[derive(Debug)]
pub(crate) struct Hosts {
    is_loopback: bool,
    /// Further names that the user gave, in lower case.
    names: Vec<String>,
}

impl Hosts {
    /// The names of a registry that listens on `listen`, and `names`.
    pub(crate) fn new(listen: IpAddr, names: &[String]) -> Self {
        let names = names.iter().map(|name| plain(name)).collect();
        Self { is_loopback: listen.to_canonical().is_loopback(), names }
    }

    /// Refuses a request to another host, or by a page of another host.
    pub(crate) fn check(&self, request: &Parts) -> Result<(), Refusal> {
        let mut hosts = request.headers.get_all(HOST).iter();
        let host = authority(hosts.next().and_then(|host| host.to_str().ok()));
        let (Some(host), None) = (host, hosts.next()) else {
            let message = "the request needs one Host header";
            return Err(Refusal::bad(Code::Unsupported, message));
        };
        for asked in [Some(&host), request.uri.authority()].into_iter().flatten() {
            if !self.is_ours(asked.host()) {
                let name = asked.host();
                let message = format!(
                    "this registry is not {name}; start it with --host {name} if it should be"
                );
                return Err(denied(message));
            }
        }
        for origin in request.headers.get_all(ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            if !is_same(origin, &host) {
                return Err(denied(format!("pages of {origin} may not use this registry")));
            }
        }
        for site in request.headers.get_all(FETCH_SITE) {
            if site != "same-origin" && site != "none" {
                return Err(denied("pages of other sites may not use this registry".to_owned()));
            }
        }
        Ok(())
    }

    fn is_ours(&self, host: &str) -> bool {
        let host = plain(host);
        if self.names.contains(&host) {
            return true;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            // An address, unlike a name, cannot be made to stand for another one.
            return !self.is_loopback || address.to_canonical().is_loopback();
        }
        host == "localhost"
            || host.ends_with(".localhost")
            || (!self.is_loopback && self.names.is_empty())
    }
}

/// Whose page sent the request (Fetch Metadata); only browsers say so.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn denied(message: String) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, Code::Denied, message)
}

/// A host without brackets, a dot at its end, and capitals.
fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn authority(host: Option<&str>) -> Option<Authority> {
    // A user name has no place in a Host header.
    host.filter(|host| !host.contains('@'))?.parse().ok()
}

/// Whether a page of `origin` asks its own host.
fn is_same(origin: &str, host: &Authority) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    authority(Some(rest)).is_some_and(|origin| {
        plain(origin.host()) == plain(host.host())
            && origin.port_u16().unwrap_or(default) == host.port_u16().unwrap_or(default)
    })
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use axum::http::request::Parts;

    use super::Hosts;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn takes(hosts: &Hosts, host: &str) -> bool {
        hosts.check(&request("/v2/", &[("host", host)])).is_ok()
    }

    #[test]
    fn loopback_has_its_own_names_and_those_that_were_given() {
        let hosts = Hosts::new([127, 0, 0, 1].into(), &["Registry.Local".to_owned()]);
        for ours in [
            "127.0.0.1:5000",
            "localhost",
            "LOCALHOST:5000",
            "a.localhost:1",
            "localhost.:5000",
            "[::1]:5000",
            "127.1.2.3",
            "registry.local:5000",
        ] {
            assert!(takes(&hosts, ours), "{ours}");
        }
        for other in [
            "evil.example:5000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "0.0.0.0:5000",
            "192.0.2.1:5000",
            "[fe80::1]",
            "localhost@evil.example",
            "localhost:5000@evil.example",
            "",
        ] {
            assert!(!takes(&hosts, other), "{other}");
        }
    }

    #[test]
    fn other_addresses_have_any_name_unless_names_are_given() {
        let any = Hosts::new([0, 0, 0, 0].into(), &[]);
        assert!(takes(&any, "build-7.example:5000") && takes(&any, "192.0.2.1"));
        let named = Hosts::new([0, 0, 0, 0].into(), &["reg.example".to_owned()]);
        assert!(takes(&named, "reg.example:5000") && takes(&named, "192.0.2.1:5000"));
        assert!(takes(&named, "localhost:5000") && !takes(&named, "build-7.example:5000"));
    }

    #[test]
    fn one_host_is_named_wherever_the_request_says_it() {
        let hosts = Hosts::new([127, 0, 0, 1].into(), &[]);
        let host = ("host", "localhost:5000");
        for bad in [
            request("/v2/", &[]),
            request("/v2/", &[host, ("host", "evil.example")]),
            request("/v2/", &[host, host]),
            request("http://evil.example/v2/", &[host]),
            request("/v2/", &[host, ("origin", "http://evil.example")]),
            request("/v2/", &[host, ("origin", "http://localhost:3000")]),
            request("/v2/", &[host, ("origin", "http://localhost")]),
            request("/v2/", &[host, ("origin", "null")]),
            request("/v2/", &[host, ("origin", "file://localhost:5000")]),
            request("/v2/", &[host, ("sec-fetch-site", "cross-site")]),
            request("/v2/", &[host, ("sec-fetch-site", "same-site")]),
        ] {
            assert!(hosts.check(&bad).is_err(), "{bad:?}");
        }
        for good in [
            request("http://localhost:5000/v2/", &[host]),
            request("/v2/", &[host, ("origin", "http://localhost:5000")]),
            request("/v2/", &[host, ("sec-fetch-site", "none")]),
            request("/v2/", &[("host", "localhost"), ("origin", "http://localhost")]),
        ] {
            assert!(hosts.check(&good).is_ok(), "{good:?}");
        }
    }
}
