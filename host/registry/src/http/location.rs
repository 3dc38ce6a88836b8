//! Where an answer leads to: redirects and upload locations.

use reqwest::Response;
use reqwest::header::LOCATION;
use url::Url;

use crate::Cause;
use crate::http::address::{host_of, without_account};
use crate::http::connection::Connections;
use crate::http::zone::Zone;

/// A URL that an answer named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) url: Url,
    /// The zone of the host that named it; `None` if it is at the registry itself.
    pub(crate) from: Option<Zone>,
}

/// The `Location` of an answer to a request for `from`. `base` is the server that was asked first, and
/// `connections` are those to it.
///
/// # Errors
/// If there is none, or longshore must not follow it.
pub(crate) async fn location(
    response: &Response,
    from: &Url,
    base: &Url,
    connections: &Connections,
) -> Result<Location, Cause> {
    let bad = |why| Cause::Location { host: host_of(from), why };
    let header = response.headers().get(LOCATION).ok_or_else(|| bad("there is none"))?;
    let text = header.to_str().map_err(|_| bad("it is not text"))?;
    let url = target(text, from, base).map_err(bad)?;
    let is_own = url.origin() == base.origin();
    let from = match is_own {
        true => None,
        false => Some(connections.zone_of(response).await),
    };
    Ok(Location { url, from })
}

/// The URL that `text` means in an answer to a request for `from`.
///
/// `http` on the registry's own host is upgraded to `https` if the registry speaks TLS: behind a
/// proxy, registries often do not know their own scheme, nor their port. On other hosts it is an
/// error.
fn target(text: &str, from: &Url, base: &Url) -> Result<Url, &'static str> {
    let mut url = from.join(text).map_err(|_| "it is not a URL")?;
    if base.scheme() == "https" && url.scheme() == "http" {
        let is_raised = url.host_str() == base.host_str()
            && url.set_scheme("https").is_ok()
            && url.set_port(base.port()).is_ok();
        if !is_raised {
            return Err("it leaves TLS");
        }
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err("the scheme is not HTTP");
    }
    without_account(url).ok_or("it is not a URL")
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::target;

    #[test]
    fn locations_keep_tls_and_the_registry_s_port() {
        for (base, text, expected) in [
            ("https://r.test:5000", "/v2/x", Ok("https://r.test:5000/v2/x")),
            ("https://r.test:5000", "http://r.test/v2/x", Ok("https://r.test:5000/v2/x")),
            ("https://r.test:5000", "http://r.test:80/v2/x", Ok("https://r.test:5000/v2/x")),
            ("https://r.test:5000", "http://r.test:8080/v2/x", Ok("https://r.test:5000/v2/x")),
            ("https://r.test", "http://r.test:80/v2/x", Ok("https://r.test/v2/x")),
            ("https://r.test", "http://r.test:8080/v2/x", Ok("https://r.test/v2/x")),
            ("https://r.test:5000", "https://r.test/v2/x", Ok("https://r.test/v2/x")),
            ("https://r.test", "https://s.test:8080/x", Ok("https://s.test:8080/x")),
            ("https://r.test", "http://s.test/x", Err("it leaves TLS")),
            ("http://r.test:5000", "http://s.test/x", Ok("http://s.test/x")),
            ("http://r.test:5000", "https://s.test/x", Ok("https://s.test/x")),
            ("http://r.test:5000", "//s.test/x", Ok("http://s.test/x")),
            ("https://r.test", "https://u:p@s.test/x?a=b", Ok("https://s.test/x?a=b")),
            ("https://r.test", "file:///etc/passwd", Err("the scheme is not HTTP")),
            ("https://r.test", "http://[", Err("it is not a URL")),
        ] {
            let base = Url::parse(base).unwrap();
            let from = base.join("/v2/a").unwrap();
            let found = target(text, &from, &base).map(|url| url.to_string());
            assert_eq!(found, expected.map(str::to_owned), "{text} of {base}");
        }
    }
}
