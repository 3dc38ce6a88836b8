//! HTTP clients, and the mapping of their errors to causes.

use std::sync::{Arc, OnceLock};

use reqwest::{Request, Response};
use rustls::pki_types::CertificateDer;
use url::{Host, Url};

use crate::Cause;
use crate::http::address::host_of;
use crate::http::certificate::RegistryCertificates;
use crate::http::failure::{cause, cause_of, innermost};
use crate::http::proxy::{Proxies, Proxy};
use crate::http::resolver::Resolver;
use crate::http::transport::{AGENT, CONNECT, IDLE, Transport};
use crate::http::trust::{trusting, trusting_none};
use crate::http::zone::Zone;

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
    proxies: Arc<Proxies>,
    metadata: Clients<reqwest::Client>,
    blobs: Clients<BlobClient>,
}

/// A client for each route.
type Clients<T> = [OnceLock<Result<T, String>>; ROUTES];

/// A client for blobs; connections through a proxy use reqwest.
#[derive(Debug)]
enum BlobClient {
    Direct(Box<Transport>),
    Proxied(reqwest::Client),
}

/// The route to a host.
#[derive(Debug)]
struct Route {
    proxy: Option<Proxy>,
    tls: bool,
    /// The zone of the answer that named the host; `None` for a registry itself.
    from: Option<Zone>,
}

/// The number of routes: with or without a proxy, with or without TLS, from each zone or none.
const ROUTES: usize = 20;

impl Route {
    fn number(&self) -> usize {
        let from = match self.from {
            None => 0,
            Some(Zone::Public) => 1,
            Some(Zone::Private) => 2,
            Some(Zone::LinkLocal) => 3,
            Some(Zone::Loopback) => 4,
        };
        4 * from + 2 * usize::from(self.proxy.is_some()) + usize::from(self.tls)
    }

    const fn resolver(&self) -> Resolver {
        Resolver { from: self.from }
    }
}

impl Connections {
    pub(crate) fn new(
        tls_verify: bool,
        certificates: RegistryCertificates,
        proxies: Arc<Proxies>,
    ) -> Self {
        Self {
            tls_verify,
            certificates,
            tls: OnceLock::new(),
            proxies,
            metadata: Default::default(),
            blobs: Default::default(),
        }
    }

    /// Whether certificates are verified.
    pub(crate) const fn checks_certificates(&self) -> bool {
        self.tls_verify
    }

    /// The same connections without the verification of certificates.
    pub(crate) fn unverified(&self) -> Self {
        Self::new(false, self.certificates.clone(), Arc::clone(&self.proxies))
    }

    /// The additional roots.
    pub(crate) fn roots(&self) -> &[CertificateDer<'static>] {
        &self.certificates.roots
    }

    /// Sends `request` and waits for the response headers; `seconds` is the caller's timeout, for
    /// errors. `from` is the zone of the answer that named the URL, and `None` for a registry's own.
    ///
    /// # Errors
    /// No connection, or one that broke, or an address that such an answer must not lead to.
    pub(crate) async fn send(
        &self,
        request: Request,
        from: Option<Zone>,
        purpose: Purpose,
        seconds: u64,
    ) -> Result<Response, Cause> {
        let url = request.url().clone();
        let fresh;
        let client = match purpose {
            Purpose::Metadata => self.metadata(&url, from)?,
            Purpose::Recheck => {
                let built = self.build(&self.route(&url, from)?, Purpose::Recheck);
                fresh = built.map_err(|why| Cause::Unreachable { host: host_of(&url), why })?;
                &fresh
            }
            Purpose::Blob => match self.blobs(&url, from)? {
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

    /// The zone of the host that answered.
    ///
    /// Behind a proxy only the proxy knows it, unless the URL is an address.
    pub(crate) fn zone_of(&self, response: &Response) -> Zone {
        let url = response.url();
        let named = zone_in(url);
        if named.is_some() || self.proxies.of(url).is_some() {
            return named.unwrap_or(Zone::Public);
        }
        response.remote_addr().map_or(Zone::Public, |address| Zone::of(address.ip()))
    }

    /// Adds the proxy to the error of a connection that went through one.
    fn through_proxy(&self, cause: Cause, url: &Url) -> Cause {
        match (cause, self.proxies.of(url)) {
            (Cause::Unreachable { host, why }, Some(proxy)) => {
                let host = format!("{host} through the proxy {}", proxy.host());
                Cause::Unreachable { host, why }
            }
            (cause, _) => cause,
        }
    }

    /// The client for metadata at `url`, which an answer from the zone `from` named.
    pub(crate) fn metadata(
        &self,
        url: &Url,
        from: Option<Zone>,
    ) -> Result<&reqwest::Client, Cause> {
        let route = self.route(url, from)?;
        let build = || self.build(&route, Purpose::Metadata);
        get_or_build(&self.metadata[route.number()], build, url)
    }

    fn blobs(&self, url: &Url, from: Option<Zone>) -> Result<&BlobClient, Cause> {
        let route = self.route(url, from)?;
        let build = || {
            if route.proxy.is_some() {
                return self.build(&route, Purpose::Blob).map(BlobClient::Proxied);
            }
            Ok(BlobClient::Direct(Box::new(Transport::new(self.tls(&route)?, route.resolver()))))
        };
        get_or_build(&self.blobs[route.number()], build, url)
    }

    /// The route to `url`. The resolver checks names; an address in the URL is checked here.
    fn route(&self, url: &Url, from: Option<Zone>) -> Result<Route, Cause> {
        if let (Some(from), Some(zone)) = (from, zone_in(url))
            && !from.may_lead_to(zone)
        {
            return Err(Cause::Astray { host: host_of(url), zone });
        }
        Ok(Route { proxy: self.proxies.of(url), tls: url.scheme() == "https", from })
    }

    fn build(&self, route: &Route, purpose: Purpose) -> Result<reqwest::Client, String> {
        let mut tls = self.tls(route)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .no_proxy();
        match purpose {
            Purpose::Blob => builder = builder.http1_only(),
            Purpose::Recheck => builder = builder.http1_only().pool_max_idle_per_host(0),
            Purpose::Metadata => tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        }
        match &route.proxy {
            // The proxy's own name may have any address.
            Some(proxy) => {
                builder = builder.proxy(proxy.for_reqwest().map_err(|error| innermost(&error))?);
            }
            None if route.from.is_some() => {
                builder = builder.dns_resolver(Arc::new(route.resolver()));
            }
            None => {}
        }
        builder.tls_backend_preconfigured(tls).build().map_err(|error| innermost(&error))
    }

    /// The TLS configuration for a route; the roots are read once, and only for TLS.
    fn tls(&self, route: &Route) -> Result<rustls::ClientConfig, String> {
        let text = |error: rustls::Error| error.to_string();
        // The proxy in front of a plain HTTP registry may speak TLS.
        if !route.tls && route.proxy.is_none() {
            return trusting_none().map_err(text);
        }
        let make = || trusting(&self.certificates, self.tls_verify).map_err(text);
        self.tls.get_or_init(make).clone()
    }
}

/// The zone of the address in a URL; `None` for a name.
fn zone_in(url: &Url) -> Option<Zone> {
    match url.host()? {
        Host::Ipv4(address) => Some(Zone::of(address.into())),
        Host::Ipv6(address) => Some(Zone::of(address.into())),
        Host::Domain(_) => None,
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
