//! HTTP clients, and the mapping of their errors to causes.

use std::sync::{Arc, OnceLock};

use reqwest::{Method, Request, Response};
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

/// The texts of errors of HTTP/2 whose connection ended before the answer.
const CLOSED: [&str; 3] = [
    "connection closed",
    "connection closed because of a broken pipe",
    "stream closed because of a broken pipe",
];

/// Why a connection failed whose proxy did not get, or does not accept, a user name and a password.
pub(crate) const WANTS_LOGIN: &str = "the proxy asks for a login (407)";

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

    /// Whether requests to `url` go through a proxy.
    pub(crate) fn has_proxy(&self, url: &Url) -> bool {
        self.proxies.of(url).is_some()
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
            Purpose::Metadata => self.metadata(&url, from).await?,
            Purpose::Recheck => {
                let built = self.build(&self.route(&url, from).await?, Purpose::Recheck);
                fresh = built.map_err(|why| Cause::Unreachable { host: host_of(&url), why })?;
                &fresh
            }
            Purpose::Blob => match self.blobs(&url, from).await? {
                BlobClient::Direct(transport) => {
                    let sent = transport.send(request).await;
                    return sent.map_err(|error| {
                        let timed_out = error.is_timeout();
                        let cause = cause(&error, error.is_connect(), timed_out, &url, seconds);
                        self.after_handshake(cause)
                    });
                }
                BlobClient::Proxied(client) => client,
            },
        };
        let again = request.try_clone().filter(|_| {
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            reads && purpose == Purpose::Metadata && url.scheme() == "https"
        });
        let sent = client.execute(request).await;
        let (failed, why) = match sent.map_err(|error| self.failure(&error, &url, seconds)) {
            Err(Cause::Broken { why, .. }) if CLOSED.contains(&&*why) => (again, why),
            other => return other,
        };
        // HTTP/2 may lose the alert with which the server refuses a client certificate; HTTP/1.1 does
        // not.
        let Some(request) = failed else {
            return Err(Cause::Broken { host: host_of(&url), why });
        };
        let built = self.build(&self.route(&url, from).await?, Purpose::Recheck);
        let client = built.map_err(|why| Cause::Unreachable { host: host_of(&url), why })?;
        let sent = client.execute(request).await;
        sent.map_err(|error| self.failure(&error, &url, seconds))
    }

    /// Why a request to `url` got no answer; `seconds` is the timeout that applied.
    pub(crate) fn failure(&self, error: &reqwest::Error, url: &Url, seconds: u64) -> Cause {
        self.through_proxy(self.after_handshake(cause_of(error, url, seconds)), url)
    }

    /// Reads the alert of a handshake with the knowledge whether a client certificate was shown.
    fn after_handshake(&self, cause: Cause) -> Cause {
        match cause {
            Cause::Handshake { host, fault } => {
                let shows_certificate = self.certificates.identity.is_some();
                Cause::Handshake { host, fault: fault.of_client(shows_certificate) }
            }
            cause => cause,
        }
    }

    /// The zone of the host that answered.
    ///
    /// Behind a proxy it is the zone of the name as this machine resolves it. A name that only the proxy
    /// knows counts as public.
    pub(crate) async fn zone_of(&self, response: &Response) -> Zone {
        let url = response.url();
        if self.proxies.of(url).is_none() {
            let connected = response.remote_addr().map(|address| Zone::of(address.ip()));
            return zone_in(url).or(connected).unwrap_or(Zone::Public);
        }
        self.named_zone(url).await
    }

    /// The zone of the host in `url`, which a proxy connects to. Addresses in several zones count as
    /// public: the proxy may have chosen any.
    async fn named_zone(&self, url: &Url) -> Zone {
        let zones = self.zones_as_known(url).await;
        let first = zones.first().copied().unwrap_or(Zone::Public);
        if zones.iter().all(|zone| *zone == first) { first } else { Zone::Public }
    }

    /// Checks that an answer from the zone `from` may name `url`.
    ///
    /// # Errors
    /// If this machine finds an address of the host where such an answer must not lead.
    pub(crate) async fn check_named(&self, url: &Url, from: Zone) -> Result<(), Cause> {
        let zones = self.zones_as_known(url).await;
        match zones.into_iter().find(|zone| !from.may_lead_to(*zone)) {
            Some(zone) => Err(Cause::Astray { host: host_of(url), zone }),
            None => Ok(()),
        }
    }

    /// The zones of the host in `url`, as far as this machine knows them.
    async fn zones_as_known(&self, url: &Url) -> Vec<Zone> {
        match (zone_in(url), url.host_str()) {
            (Some(zone), _) => vec![zone],
            (None, Some(name)) => self.proxies.places.of(name).await,
            (None, None) => Vec::new(),
        }
    }

    /// Adds the proxy to the error of a connection that went through one.
    fn through_proxy(&self, cause: Cause, url: &Url) -> Cause {
        let Some(proxy) = self.proxies.of(url) else { return cause };
        let through = |host: String| format!("{host} through the proxy {}", proxy.host());
        match cause {
            Cause::Unreachable { host, why } => {
                Cause::Unreachable { host: through(host), why: of_tunnel(why) }
            }
            Cause::NoConnection { host, seconds } => {
                Cause::NoConnection { host: through(host), seconds }
            }
            cause => cause,
        }
    }

    /// The client for metadata at `url`, which an answer from the zone `from` named.
    pub(crate) async fn metadata(
        &self,
        url: &Url,
        from: Option<Zone>,
    ) -> Result<&reqwest::Client, Cause> {
        let route = self.route(url, from).await?;
        let build = || self.build(&route, Purpose::Metadata);
        get_or_build(&self.metadata[route.number()], build, url)
    }

    async fn blobs(&self, url: &Url, from: Option<Zone>) -> Result<&BlobClient, Cause> {
        let route = self.route(url, from).await?;
        let build = || {
            if route.proxy.is_some() {
                return self.build(&route, Purpose::Blob).map(BlobClient::Proxied);
            }
            Ok(BlobClient::Direct(Box::new(Transport::new(self.tls(&route)?, route.resolver()))))
        };
        get_or_build(&self.blobs[route.number()], build, url)
    }

    /// The route to `url`.
    ///
    /// An address in the URL is checked here. The resolver checks a name when it connects. A proxy
    /// resolves names itself and may take any of their addresses, so none may be forbidden.
    async fn route(&self, url: &Url, from: Option<Zone>) -> Result<Route, Cause> {
        let proxy = self.proxies.of(url);
        if let Some(from) = from {
            let zones = match &proxy {
                Some(_) => self.zones_as_known(url).await,
                None => zone_in(url).into_iter().collect(),
            };
            if let Some(&zone) = zones.iter().find(|zone| !from.may_lead_to(**zone)) {
                return Err(Cause::Astray { host: host_of(url), zone });
            }
        }
        Ok(Route { proxy, tls: url.scheme() == "https", from })
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

/// Says in plain words why a proxy opened no tunnel. Its client keeps no other status than 407.
fn of_tunnel(why: String) -> String {
    match why.as_str() {
        "tunnel error: unsuccessful" => "the proxy refuses to connect to it".to_owned(),
        "tunnel error: proxy authorization required" => WANTS_LOGIN.to_owned(),
        _ => why,
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::sync::Arc;

    use url::Url;

    use super::{Connections, Zone};
    use crate::Cause;
    use crate::http::certificate::RegistryCertificates;
    use crate::http::places::Places;
    use crate::http::proxy::Proxies;

    /// Connections behind a proxy, on a machine that knows these names.
    fn proxied(names: &[(&str, &[Zone])]) -> Connections {
        let get = |name: &str| (name == "ALL_PROXY").then(|| OsString::from("http://p.test:3128"));
        let mut proxies = Proxies::of_environment(get).unwrap();
        proxies.places = Places::knowing(names);
        let certificates = RegistryCertificates { roots: Vec::new(), identity: None };
        Connections::new(true, certificates, Arc::new(proxies))
    }

    async fn refused(connections: &Connections, to: &str, from: Option<Zone>) -> Option<Zone> {
        match connections.route(&Url::parse(to).unwrap(), from).await {
            Err(Cause::Astray { zone, .. }) => Some(zone),
            Err(cause) => panic!("{cause}"),
            Ok(route) => {
                assert!(route.proxy.is_some(), "{to}");
                None
            }
        }
    }

    #[tokio::test]
    async fn names_do_not_lead_a_proxy_into_other_networks() {
        let known: &[(&str, &[Zone])] = &[
            ("cdn.test", &[Zone::Public, Zone::Public]),
            ("inside.test", &[Zone::Private]),
            ("metadata.test", &[Zone::LinkLocal]),
            ("rebound.test", &[Zone::Public, Zone::Loopback]),
            ("elsewhere.test", &[]),
        ];
        let connections = proxied(known);
        for (to, from, expected) in [
            ("https://cdn.test/x", Zone::Public, None),
            ("http://inside.test:9000/x", Zone::Public, Some(Zone::Private)),
            ("http://inside.test/x", Zone::Private, None),
            ("http://metadata.test/x", Zone::Private, Some(Zone::LinkLocal)),
            ("https://rebound.test/x", Zone::Public, Some(Zone::Loopback)),
            ("https://elsewhere.test/x", Zone::Public, None),
            ("http://10.0.0.1/x", Zone::Public, Some(Zone::Private)),
            ("http://[::ffff:10.0.0.1]/x", Zone::Public, Some(Zone::Private)),
        ] {
            assert_eq!(refused(&connections, to, Some(from)).await, expected, "{to} from {from}");
        }
        for to in ["http://inside.test/v2/", "http://10.0.0.1/v2/"] {
            assert_eq!(refused(&connections, to, None).await, None, "the user named {to}");
        }
    }

    #[tokio::test]
    async fn a_registry_behind_a_proxy_lies_where_its_name_does() {
        let connections = proxied(&[
            ("harbor.test", &[Zone::Private, Zone::Private]),
            ("hub.test", &[Zone::Public]),
            ("both.test", &[Zone::Private, Zone::Public]),
            ("unknown.test", &[]),
        ]);
        for (url, zone) in [
            ("http://harbor.test/v2/", Zone::Private),
            ("https://hub.test/v2/", Zone::Public),
            ("https://both.test/v2/", Zone::Public),
            ("https://unknown.test/v2/", Zone::Public),
            ("http://192.168.1.1/v2/", Zone::Private),
        ] {
            assert_eq!(connections.named_zone(&Url::parse(url).unwrap()).await, zone, "{url}");
        }
    }
}
