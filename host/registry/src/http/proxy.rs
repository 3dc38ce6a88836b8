//! Proxies: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case.
//!
//! A proxy speaks HTTP, HTTPS or SOCKS 5. It resolves the names that it connects to, as for Go's programs.
//!
//! A proxy that cannot be used is an error that names the variable: a run that goes past its proxy
//! fails later, and says something else. No error quotes the value, which may hold a password.

use std::ffi::OsString;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use crate::Secret;
use crate::http::no_proxy::NoProxy;
use crate::http::places::Places;
use crate::secret::known::remember;

/// The proxy variables, each in upper case and lower case; the first that is set counts.
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
const NO: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The scheme by which reqwest lets a SOCKS 5 proxy resolve names.
const SOCKS: &str = "socks5h";
/// The port of SOCKS proxies (RFC 1928, section 3).
const SOCKS_PORT: u16 = 1080;

/// A proxy variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use {variable}: {fault}")]
pub struct ProxyError {
    /// The name of the variable.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub fault: ProxyFault,
}

/// What is wrong with the URL of a proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// It is not text.
    #[error("it is not UTF-8")]
    Encoding,
    /// It has another scheme.
    #[error("the scheme {0} is not supported")]
    Scheme(String),
    /// A character of the user name or password would have to be escaped.
    #[error("its user name or password contains a bare {0:?}")]
    Bare(char),
    /// There is no host, or not a valid one.
    #[error("it has no valid host name or address")]
    Host,
    /// The port is not a port.
    #[error("its port is not a number from 1 to 65535")]
    Port,
}

impl ProxyError {
    /// Advice for the user.
    pub fn hint(&self) -> &'static str {
        match &self.fault {
            ProxyFault::Bare(_) => {
                "write special characters of the password percent-encoded: # as %23, ? as %3F, / as %2F, @ as %40, % as %25, a blank as %20"
            }
            ProxyFault::Scheme(_) => "use a proxy at http://, https:// or socks5://",
            ProxyFault::Encoding | ProxyFault::Host | ProxyFault::Port => {
                "write it as http://HOST:PORT, with USER:PASSWORD@ before HOST if the proxy asks for a login"
            }
        }
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// The URL, without user name and password.
    url: Url,
    account: Option<(String, Secret)>,
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, ProxyFault> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => ("http".to_owned(), text),
        };
        let scheme = match scheme.as_str() {
            "http" | "https" => scheme.as_str(),
            // Desktops write `socks`.
            "socks" | "socks5" | "socks5h" => SOCKS,
            _ => return Err(ProxyFault::Scheme(scheme)),
        };
        // The first of these ends the host, so one in a password cuts it.
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(end);
        if let Some(cut) = behind.chars().next().filter(|_| behind.contains('@')) {
            return Err(ProxyFault::Bare(cut));
        }
        let (account, host) = match authority.rsplit_once('@') {
            Some((account, host)) => (Some(account), host),
            None => (None, authority),
        };
        let account = account.map(account_of).transpose()?;
        let (name, port) = host_and_port(host)?;
        let name = Host::parse(name).map_err(|_| ProxyFault::Host)?;
        // HTTP's client would take a port of HTTP.
        let port = port.or((scheme == SOCKS).then_some(SOCKS_PORT));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let url = Url::parse(&format!("{scheme}://{name}{port}/")).map_err(|_| ProxyFault::Host)?;
        Ok(Self { url, account })
    }

    /// `host[:port]`, for messages.
    pub(crate) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The proxy as reqwest takes it, for every URL.
    pub(crate) fn for_reqwest(&self) -> reqwest::Result<reqwest::Proxy> {
        let proxy = reqwest::Proxy::all(self.url.clone())?;
        Ok(match &self.account {
            Some((user, password)) => {
                let encoded = STANDARD.encode(format!("{user}:{}", password.expose()));
                remember(password.expose());
                remember(encoded.trim_end_matches('='));
                proxy.basic_auth(user, password.expose())
            }
            None => proxy,
        })
    }
}

/// The proxies of a run; by default there are none.
#[derive(Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    no: NoProxy,
    /// The operating system's proxies, which count if no variable names one.
    system: Option<Matcher>,
    /// Where the names lie that they connect to.
    pub(crate) places: Places,
}

impl Proxies {
    /// Reads the variables; an empty one counts as unset.
    ///
    /// # Errors
    /// If a variable that counts names no usable proxy.
    pub fn of_environment(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let proxy = |names: [&'static str; 2]| -> Result<Option<Proxy>, ProxyError> {
            let Some((variable, value)) = first(&get, names) else { return Ok(None) };
            let parsed = match value.to_str() {
                Some(text) => Proxy::parse(text.trim()),
                None => Err(ProxyFault::Encoding),
            };
            parsed.map(Some).map_err(|fault| ProxyError { variable, fault })
        };
        let (http, https) = (proxy(HTTP)?, proxy(HTTPS)?);
        let all = if http.is_some() && https.is_some() { None } else { proxy(ALL)? };
        let no = first(&get, NO).map(|(_, value)| value.to_string_lossy().into_owned());
        let no = NoProxy::parse(no.as_deref().unwrap_or_default());
        let is_set = http.is_some() || https.is_some() || all.is_some();
        Ok(Self {
            http: http.or_else(|| all.clone()),
            https: https.or(all),
            no,
            // Elsewhere it would read the same variables again.
            system: (!is_set && cfg!(target_os = "macos")).then(Matcher::from_system),
            places: Places::default(),
        })
    }

    /// The proxy for `url`. Loopback never uses one.
    pub(crate) fn of(&self, url: &Url) -> Option<Proxy> {
        if self.no.has(url) {
            return None;
        }
        if let Some(system) = &self.system {
            return of_system(system, url);
        }
        match url.scheme() {
            "https" => self.https.clone(),
            _ => self.http.clone(),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("http", &self.http)
            .field("https", &self.https)
            .finish_non_exhaustive()
    }
}

/// The first of these variables that is set.
fn first(
    get: impl Fn(&str) -> Option<OsString>,
    names: [&'static str; 2],
) -> Option<(&'static str, OsString)> {
    let is_set = |value: &OsString| !value.to_string_lossy().trim().is_empty();
    names.into_iter().find_map(|name| Some((name, get(name).filter(is_set)?)))
}

/// The operating system's proxy for `url`. Its user names do not count: it keeps passwords elsewhere.
fn of_system(system: &Matcher, url: &Url) -> Option<Proxy> {
    let found = system.intercept(&url.as_str().parse().ok()?)?;
    Some(Proxy { url: Url::parse(&found.uri().to_string()).ok()?, account: None })
}

/// Whether a text is a scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// The user name and password of a URL, decoded.
fn account_of(text: &str) -> Result<(String, Secret), ProxyFault> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Ok((decoded(user)?, Secret::new(decoded(password)?)))
}

fn decoded(text: &str) -> Result<String, ProxyFault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        if first != b'%' {
            if first == b'@' || first <= b' ' || first == 0x7f {
                return Err(ProxyFault::Bare(char::from(first)));
            }
            bytes.push(first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.ok_or(ProxyFault::Bare('%'))?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| ProxyFault::Encoding)
}

/// Splits `host[:port]`, in which an IPv6 address has brackets.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), ProxyFault> {
    let after_address = text.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = text[after_address..].find(':').map(|at| after_address + at) else {
        return not_empty((text, None));
    };
    let port = text[colon + 1..].parse().ok().filter(|port| *port > 0);
    // Without brackets, an IPv6 address has more than one colon.
    let fault = if text[..colon].is_empty() { ProxyFault::Host } else { ProxyFault::Port };
    not_empty((&text[..colon], Some(port.ok_or(fault)?)))
}

fn not_empty((host, port): (&str, Option<u16>)) -> Result<(&str, Option<u16>), ProxyFault> {
    if host.is_empty() { Err(ProxyFault::Host) } else { Ok((host, port)) }
}

#[cfg(test)]
mod tests;
