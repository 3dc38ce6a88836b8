//! HTTP clients, and the mapping of their errors to causes.

use std::error::Error;
use std::io;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Request, Response};
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::Cause;
use crate::error_response::{ErrorResponse, retry_after};
use crate::http::certificate::RegistryCertificates;
use crate::http::transport::{AGENT, CONNECT, IDLE, Transport};
use crate::http::trust::{trusting, trusting_none};
use longshore_oci::Registry;

/// Timeout for silence in the middle of a body.
///
/// reqwest's read timeout does not fit: it also counts the time that a request body takes.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// The purpose of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Manifests, tags and tokens: small requests that may share one HTTP/2 connection.
    Metadata,
    /// Blobs: HTTP/1.1 only, as HTTP/2's default windows slow down uploads over long distances.
    Blob,
    /// A retry after wrong content: a fresh connection, as a proxy on the way may be at fault.
    Recheck,
}

/// The HTTP clients shared by registries with the same trust. Each is built on first use.
#[derive(Debug)]
pub(crate) struct Connections {
    tls_verify: bool,
    certificates: RegistryCertificates,
    tls: OnceLock<Result<rustls::ClientConfig, String>>,
    proxies: OnceLock<Matcher>,
    metadata: Clients<reqwest::Client>,
    blobs: Clients<BlobClient>,
}

/// A client for each route: with or without a proxy, with or without TLS.
type Clients<T> = [OnceLock<Result<T, String>>; 4];

/// A client for blobs; connections through a proxy use reqwest.
#[derive(Debug)]
enum BlobClient {
    Direct(Box<Transport>),
    Proxied(reqwest::Client),
}

/// The route to a host.
#[derive(Clone, Copy, Debug)]
struct Route {
    proxied: bool,
    tls: bool,
}

impl Connections {
    pub(crate) fn new(tls_verify: bool, certificates: RegistryCertificates) -> Self {
        Self {
            tls_verify,
            certificates,
            tls: OnceLock::new(),
            proxies: OnceLock::new(),
            metadata: Default::default(),
            blobs: Default::default(),
        }
    }

    /// Whether certificates are verified.
    pub(crate) const fn checks_certificates(&self) -> bool {
        self.tls_verify
    }

    /// The additional roots and the client certificate.
    pub(crate) const fn certificates(&self) -> &RegistryCertificates {
        &self.certificates
    }

    /// The additional roots.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.certificates.roots
    }

    /// Sends `request` and waits for the response headers; `seconds` is the caller's timeout, for
    /// errors.
    ///
    /// # Errors
    /// No connection, or one that broke.
    pub(crate) async fn send(
        &self,
        request: Request,
        purpose: Purpose,
        seconds: u64,
    ) -> Result<Response, Cause> {
        let url = request.url().clone();
        let fresh;
        let client = match purpose {
            Purpose::Metadata => self.metadata(&url)?,
            Purpose::Recheck => {
                let built = self.build(self.route(&url), Purpose::Recheck);
                fresh = built.map_err(|why| Cause::Unreachable { host: host_of(&url), why })?;
                &fresh
            }
            Purpose::Blob => match self.blobs(&url)? {
                BlobClient::Direct(transport) => {
                    let sent = transport.send(request).await;
                    return sent.map_err(|error| {
                        let timed_out = error.is_timeout();
                        cause(&error, error.is_connect(), timed_out, &url, seconds)
                    });
                }
                BlobClient::Proxied(client) => client,
            },
        };
        let sent = client.execute(request).await;
        sent.map_err(|error| self.through_proxy(cause_of(&error, &url, seconds), &url))
    }

    /// Adds the proxy to the error of a connection that went through one.
    fn through_proxy(&self, cause: Cause, url: &Url) -> Cause {
        match (cause, self.proxy_of(url)) {
            (Cause::Unreachable { host, why }, Some(proxy)) => {
                let host = format!("{host} through the proxy {proxy}");
                Cause::Unreachable { host, why }
            }
            (cause, _) => cause,
        }
    }

    /// `host[:port]` of the proxy for `url`. Loopback never uses a proxy.
    fn proxy_of(&self, url: &Url) -> Option<String> {
        if is_loopback(url) {
            return None;
        }
        let proxies = self.proxies.get_or_init(Matcher::from_system);
        let proxy = proxies.intercept(&url.as_str().parse().ok()?)?;
        let (host, port) = (proxy.uri().host()?, proxy.uri().port_u16());
        Some(port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }

    /// The client for metadata at `url`.
    pub(crate) fn metadata(&self, url: &Url) -> Result<&reqwest::Client, Cause> {
        let route = self.route(url);
        let build = || self.build(route, Purpose::Metadata);
        get_or_build(&self.metadata[route.number()], build, url)
    }

    fn blobs(&self, url: &Url) -> Result<&BlobClient, Cause> {
        let route = self.route(url);
        let build = || {
            if route.proxied {
                return self.build(route, Purpose::Blob).map(BlobClient::Proxied);
            }
            Ok(BlobClient::Direct(Box::new(Transport::new(self.tls(route)?))))
        };
        get_or_build(&self.blobs[route.number()], build, url)
    }

    fn route(&self, url: &Url) -> Route {
        Route { proxied: self.proxy_of(url).is_some(), tls: url.scheme() == "https" }
    }

    fn build(&self, route: Route, purpose: Purpose) -> Result<reqwest::Client, String> {
        let mut tls = self.tls(route)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true);
        match purpose {
            Purpose::Blob => builder = builder.http1_only(),
            Purpose::Recheck => builder = builder.http1_only().pool_max_idle_per_host(0),
            Purpose::Metadata => tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
        if !route.proxied {
            builder = builder.no_proxy();
        }
        builder.tls_backend_preconfigured(tls).build().map_err(|error| innermost(&error))
    }

    /// The TLS configuration for a route; the roots are read once, and only for TLS.
    fn tls(&self, route: Route) -> Result<rustls::ClientConfig, String> {
        let text = |error: rustls::Error| error.to_string();
        // The proxy in front of a plain HTTP registry may speak TLS.
        if !route.tls && !route.proxied {
            return trusting_none().map_err(text);
        }
        let make = || trusting(&self.certificates, self.tls_verify).map_err(text);
        self.tls.get_or_init(make).clone()
    }
}

impl Route {
    fn number(self) -> usize {
        2 * usize::from(self.proxied) + usize::from(self.tls)
    }
}

/// Returns the value in `slot`, after building it on first use.
fn get_or_build<'a, T>(
    slot: &'a OnceLock<Result<T, String>>,
    build: impl FnOnce() -> Result<T, String>,
    url: &Url,
) -> Result<&'a T, Cause> {
    let made = slot.get_or_init(build).as_ref();
    made.map_err(|why| Cause::Unreachable { host: host_of(url), why: why.clone() })
}

fn is_loopback(url: &Url) -> bool {
    host_of(url).parse::<Registry>().is_ok_and(|registry| registry.is_loopback())
}

/// `host[:port]` of a URL, for messages and comparisons.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns the next piece of a body, or `None` at its end.
///
/// # Errors
/// A broken connection, or silence for a minute.
pub(crate) async fn next_chunk(response: &mut Response) -> Result<Option<Bytes>, Cause> {
    let seconds = SILENCE.as_secs();
    match tokio::time::timeout(SILENCE, response.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| cause_of(&error, response.url(), seconds)),
        Err(_) => Err(Cause::TimedOut { host: host_of(response.url()), seconds }),
    }
}

/// Converts an error of reqwest at `url`; `seconds` is the timeout that applied.
pub(crate) fn cause_of(error: &reqwest::Error, url: &Url, seconds: u64) -> Cause {
    cause(error, error.is_connect(), error.is_timeout(), url, seconds)
}

/// Converts a transport error at `url`.
fn cause(
    error: &(dyn Error + 'static),
    is_connect: bool,
    is_timeout: bool,
    url: &Url,
    seconds: u64,
) -> Cause {
    let host = host_of(url);
    match tls_error(error) {
        Some(rustls::Error::InvalidCertificate(why)) => {
            return Cause::Certificate { host, why: why.to_string() };
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            return Cause::Unreachable { host, why: "the peer speaks no TLS".to_owned() };
        }
        _ => {}
    }
    if is_timeout {
        let seconds = if is_connect { CONNECT.as_secs() } else { seconds };
        Cause::TimedOut { host, seconds }
    } else if is_connect {
        Cause::Unreachable { host, why: innermost(error) }
    } else {
        Cause::Broken { host, why: innermost(error) }
    }
}

fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // An I/O error does not return a wrapped error from `source`, which may be an I/O error
        // again.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The innermost error: the most specific, and without a URL.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_bounded(mut response: Response, limit: u64) -> Result<Bytes, Cause> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(Cause::TooLarge { limit });
    }
    let mut body: Vec<u8> = Vec::new();
    loop {
        match next_chunk(&mut response).await? {
            Some(chunk) if (body.len() + chunk.len()) as u64 > limit => {
                return Err(Cause::TooLarge { limit });
            }
            Some(chunk) => body.extend_from_slice(&chunk),
            None => return Ok(Bytes::from(body)),
        }
    }
}

/// The most bytes read of an error's body.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Reads a refusal's status, body and `Retry-After`.
pub(crate) async fn read_error(mut response: Response) -> ErrorResponse {
    let status = response.status().as_u16();
    let retry_after = retry_after(status, response.headers(), SystemTime::now());
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = next_chunk(&mut response).await {
        body.extend_from_slice(&chunk);
        if body.len() >= ERROR_BODY_LIMIT {
            body.truncate(ERROR_BODY_LIMIT);
            break;
        }
    }
    ErrorResponse::of(status, &body, retry_after)
}
