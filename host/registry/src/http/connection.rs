//! HTTP clients, and what their errors mean.

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
use crate::http::trust::{trusting, trusting_nobody};
use longshore_oci::Registry;

/// Bound on silence in the middle of a body. It is not reqwest's own read time-out, which also counts
/// the time that a request's body takes to go out.
pub(crate) const SILENCE: Duration = Duration::from_secs(60);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Manifests, tags, tokens: small, may share one HTTP/2 connection.
    Metadata,
    /// Blobs: HTTP/1.1 only, as HTTP/2's default windows throttle uploads over distance.
    Blob,
    /// What was wrong before: on a connection of its own, as what is between us and the registry may
    /// be to blame.
    Doubt,
}

/// The HTTP clients that registries with the same trust share; each is made when first needed.
#[derive(Debug)]
pub(crate) struct Connections {
    tls_verify: bool,
    certificates: RegistryCertificates,
    tls: OnceLock<Result<rustls::ClientConfig, String>>,
    proxies: OnceLock<Matcher>,
    metadata: Clients<reqwest::Client>,
    blobs: Clients<BlobClient>,
}

/// A client for each way to a host: with or without a proxy between, with or without TLS.
type Clients<T> = [OnceLock<Result<T, String>>; 4];

/// A client for blobs. What goes through a proxy is left to reqwest.
#[derive(Debug)]
enum BlobClient {
    Direct(Box<Transport>),
    Proxied(reqwest::Client),
}

/// How a host is reached.
#[derive(Clone, Copy, Debug)]
struct Way {
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

    /// Are certificates checked?
    pub(crate) const fn checks_certificates(&self) -> bool {
        self.tls_verify
    }

    /// The roots that are trusted beside the platform's.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.certificates.roots
    }

    /// Sends `request` and waits for the header of its answer; the caller gives up after `seconds`.
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
        let of_its_own;
        let client = match purpose {
            Purpose::Metadata => self.metadata(&url)?,
            Purpose::Doubt => {
                let built = self.build(self.way(&url), Purpose::Doubt);
                of_its_own =
                    built.map_err(|why| Cause::Unreachable { host: host_of(&url), why })?;
                &of_its_own
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

    /// Says which proxy could not be reached, or could not reach the host.
    fn through_proxy(&self, cause: Cause, url: &Url) -> Cause {
        match (cause, self.proxy_of(url)) {
            (Cause::Unreachable { host, why }, Some(proxy)) => {
                let host = format!("{host} through the proxy {proxy}");
                Cause::Unreachable { host, why }
            }
            (cause, _) => cause,
        }
    }

    /// `host[:port]` of the proxy between here and `url`. Loopback never goes through one.
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
        let way = self.way(url);
        let build = || self.build(way, Purpose::Metadata);
        made(&self.metadata[way.number()], build, url)
    }

    fn blobs(&self, url: &Url) -> Result<&BlobClient, Cause> {
        let way = self.way(url);
        let build = || {
            if way.proxied {
                return self.build(way, Purpose::Blob).map(BlobClient::Proxied);
            }
            Ok(BlobClient::Direct(Box::new(Transport::new(self.tls(way)?))))
        };
        made(&self.blobs[way.number()], build, url)
    }

    fn way(&self, url: &Url) -> Way {
        Way { proxied: self.proxy_of(url).is_some(), tls: url.scheme() == "https" }
    }

    fn build(&self, way: Way, purpose: Purpose) -> Result<reqwest::Client, String> {
        let mut tls = self.tls(way)?;
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
            Purpose::Doubt => builder = builder.http1_only().pool_max_idle_per_host(0),
            Purpose::Metadata => tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
        if !way.proxied {
            builder = builder.no_proxy();
        }
        builder.tls_backend_preconfigured(tls).build().map_err(|error| innermost(&error))
    }

    /// Whom the connections of `way` trust; read once, and only where TLS is spoken.
    fn tls(&self, way: Way) -> Result<rustls::ClientConfig, String> {
        let text = |error: rustls::Error| error.to_string();
        // Between here and a plain registry there may be a proxy that speaks TLS.
        if !way.tls && !way.proxied {
            return trusting_nobody().map_err(text);
        }
        let make = || trusting(&self.certificates, self.tls_verify).map_err(text);
        self.tls.get_or_init(make).clone()
    }
}

impl Way {
    fn number(self) -> usize {
        2 * usize::from(self.proxied) + usize::from(self.tls)
    }
}

/// What is in `slot`, made now if nobody did.
fn made<'a, T>(
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

/// The next piece of a body, or `None` at its end; silence ends it too.
pub(crate) async fn next_chunk(response: &mut Response) -> Result<Option<Bytes>, Cause> {
    let seconds = SILENCE.as_secs();
    match tokio::time::timeout(SILENCE, response.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| cause_of(&error, response.url(), seconds)),
        Err(_) => Err(Cause::TimedOut { host: host_of(response.url()), seconds }),
    }
}

/// What an error of reqwest's at `url` means; `seconds` is the bound that was in force.
pub(crate) fn cause_of(error: &reqwest::Error, url: &Url, seconds: u64) -> Cause {
    cause(error, error.is_connect(), error.is_timeout(), url, seconds)
}

/// What a transport error at `url` means.
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
        // An I/O error hides what it wraps from `source`, which may be an I/O error again.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The innermost reason: it says most and names no URL.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Reads a whole body that may have at most `limit` bytes.
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

/// An error body is read up to here, in bytes.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// Reads what is needed of an answer that is a refusal.
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
