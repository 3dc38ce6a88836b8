//! Detects whether a registry speaks HTTPS or plain HTTP: with a TLS hello on loopback, elsewhere with
//! requests for `/v2/`.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::Cause;
use crate::http::address::host_of;
use crate::http::connection::Connections;
use crate::http::failure::is_refused;
use crate::http::transport::CONNECT;
use crate::http::trust::trusting_none;
use longshore_oci::Registry;

/// The URL of a registry.
#[derive(Debug)]
pub(crate) struct Found {
    /// The URL, with HTTPS if nobody listens.
    pub(crate) url: Url,
    /// Whether somebody listens. Otherwise the scheme is a guess.
    pub(crate) listens: bool,
}

/// What the peer at an address speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Tls,
    Plain,
    /// The connection was refused.
    Nobody,
}

/// Decides between HTTPS and HTTP, once per registry that listens.
///
/// HTTP requires loopback, disabled verification or `allows_plain`, and a peer that speaks no TLS. A
/// bad certificate is never a reason for HTTP.
pub(crate) async fn base_url(
    registry: &Registry,
    connections: &Connections,
    allows_plain: bool,
) -> Result<Found, Cause> {
    let host = registry.api_host();
    let url = |scheme: &str| {
        Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|error| Cause::Unreachable { host: host.to_owned(), why: error.to_string() })
    };
    let (secure, plain) = (url("https")?, url("http")?);
    let peer = if registry.is_loopback() {
        peer_at(host).await
    } else if connections.checks_certificates() && !allows_plain {
        Peer::Tls
    } else {
        // A certificate that is not trusted is an answer too.
        let unverified = connections.unverified();
        peer_of_requests(&unverified, &secure, &plain).await?
    };
    let url = if peer == Peer::Plain { plain } else { secure };
    Ok(Found { url, listens: peer != Peer::Nobody })
}

async fn peer_of_requests(
    connections: &Connections,
    secure: &Url,
    plain: &Url,
) -> Result<Peer, Cause> {
    if answers(connections, secure).await?.is_ok() {
        return Ok(Peer::Tls);
    }
    let proxied = connections.has_proxy(plain);
    Ok(match answers(connections, plain).await? {
        Ok(status) => {
            // A proxy may answer for an unreachable host, and a host may redirect to HTTPS.
            let is_own = !proxied && !status.is_redirection();
            let is_plain =
                is_own || status.is_success() || status == reqwest::StatusCode::UNAUTHORIZED;
            if is_plain { Peer::Plain } else { Peer::Tls }
        }
        // Without a port, both schemes have one of their own.
        Err(error) if !proxied && plain.port().is_some() && is_refused(&error) => Peer::Nobody,
        Err(_) => Peer::Tls,
    })
}

/// The status of `/v2/` at `base`, through the proxy if there is one.
async fn answers(
    connections: &Connections,
    base: &Url,
) -> Result<reqwest::Result<reqwest::StatusCode>, Cause> {
    let url = base
        .join("/v2/")
        .map_err(|error| Cause::Unreachable { host: host_of(base), why: error.to_string() })?;
    let request = connections.metadata(&url, None).await?.get(url);
    Ok(request.timeout(2 * CONNECT).send().await.map(|response| response.status()))
}

/// Opens a connection and offers TLS.
///
/// Any answer but a TLS record means plain HTTP. Without a listener the first request reports the error.
async fn peer_at(host: &str) -> Peer {
    let has_port = host.rfind(':') > host.rfind(']') && host.contains(':');
    let with_port = |port: u16| if has_port { host.to_owned() } else { format!("{host}:{port}") };
    let connect = |address: String| tokio::time::timeout(CONNECT, TcpStream::connect(address));
    match connect(with_port(443)).await {
        Ok(Ok(mut stream)) => match answers_tls(&mut stream, host).await {
            Ok(true) => Peer::Tls,
            _ => Peer::Plain,
        },
        _ if !has_port && matches!(connect(with_port(80)).await, Ok(Ok(_))) => Peer::Plain,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Peer::Nobody,
        _ => Peer::Tls,
    }
}

async fn answers_tls(stream: &mut TcpStream, host: &str) -> io::Result<bool> {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    let name =
        host.parse::<Registry>().map_or("localhost".to_owned(), |name| name.host().to_owned());
    stream.write_all(&client_hello(name)?).await?;
    let mut first = [0_u8];
    let read = tokio::time::timeout(CONNECT, stream.read(&mut first)).await??;
    Ok(read == 1 && matches!(first[0], ALERT | HANDSHAKE))
}

fn client_hello(host: String) -> io::Result<Vec<u8>> {
    let config = trusting_none().map_err(io::Error::other)?;
    let name = rustls::pki_types::ServerName::try_from(host).map_err(io::Error::other)?;
    let mut tls =
        rustls::ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut hello = Vec::new();
    tls.write_tls(&mut hello)?;
    Ok(hello)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::{Arc, Url, base_url};
    use crate::http::certificate::RegistryCertificates;
    use crate::http::connection::Connections;
    use longshore_oci::Registry;

    async fn registry_that_answers(bytes: &'static [u8]) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut hello = [0_u8; 5];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        address.to_string().parse().unwrap()
    }

    fn connections() -> Connections {
        Connections::new(true, RegistryCertificates::default(), Arc::default())
    }

    #[tokio::test]
    async fn http_needs_a_peer_that_speaks_no_tls() {
        let connections = connections();
        let plain = registry_that_answers(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
        assert_eq!(base_url(&plain, &connections, false).await.unwrap().url.scheme(), "http");
        let secure = registry_that_answers(&[22, 3, 3, 0, 1]).await;
        assert_eq!(base_url(&secure, &connections, false).await.unwrap().url.scheme(), "https");
        let closing = registry_that_answers(b"").await;
        assert_eq!(base_url(&closing, &connections, false).await.unwrap().url.scheme(), "http");
    }

    /// A server that answers each request so, and knows no TLS.
    async fn server_that_answers(status: &'static str) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0_u8; 1000];
                let _length = stream.read(&mut request).await.unwrap();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Url::parse(&url).unwrap()
    }

    #[tokio::test]
    async fn a_busy_registry_speaks_http_too() {
        for (status, expected) in [
            ("200 OK", "http"),
            ("401 Unauthorized", "http"),
            ("403 Forbidden", "http"),
            ("404 Not Found", "http"),
            ("429 Too Many Requests", "http"),
            ("503 Service Unavailable", "http"),
            ("301 Moved Permanently", "https"),
            ("307 Temporary Redirect", "https"),
        ] {
            // Behind a name that is not loopback's.
            let url = server_that_answers(status).await;
            let port = url.port().unwrap();
            let registry = format!("0.0.0.0:{port}").parse().unwrap();
            let unverified =
                Connections::new(false, RegistryCertificates::default(), Arc::default());
            let found = base_url(&registry, &unverified, false).await.unwrap();
            assert_eq!(found.url.scheme(), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn a_registry_that_does_not_listen_yet_may_speak_either() {
        let unverified = Connections::new(false, RegistryCertificates::default(), Arc::default());
        // On loopback, and behind a name that is not loopback's.
        for host in ["127.0.0.1", "localhost", "0.0.0.0"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let registry: Registry = format!("{host}:{port}").parse().unwrap();
            let found = base_url(&registry, &unverified, false).await.unwrap();
            assert_eq!((found.url.scheme(), found.listens), ("https", false), "{host}");
        }
        let url = server_that_answers("200 OK").await;
        let registry = format!("0.0.0.0:{}", url.port().unwrap()).parse().unwrap();
        assert!(base_url(&registry, &unverified, false).await.unwrap().listens);
        // Without permission for HTTP there is nothing to find out.
        let elsewhere = "registry.test".parse().unwrap();
        assert!(base_url(&elsewhere, &connections(), false).await.unwrap().listens);
    }

    #[tokio::test]
    async fn http_needs_permission() {
        let elsewhere = "registry.test".parse().unwrap();
        assert_eq!(
            base_url(&elsewhere, &connections(), false).await.unwrap().url.scheme(),
            "https"
        );
    }
}
