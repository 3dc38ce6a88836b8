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
use crate::http::transport::CONNECT;
use crate::http::trust::trusting_none;
use longshore_oci::Registry;

/// Decides between HTTPS and HTTP, once per registry.
///
/// HTTP requires loopback, disabled verification or `allows_plain`, and a peer that speaks no TLS. A
/// bad certificate is never a reason for HTTP.
pub(crate) async fn base_url(
    registry: &Registry,
    connections: &Connections,
    allows_plain: bool,
) -> Result<Url, Cause> {
    let host = registry.api_host();
    let url = |scheme: &str| {
        Url::parse(&format!("{scheme}://{host}/"))
            .map_err(|error| Cause::Unreachable { host: host.to_owned(), why: error.to_string() })
    };
    let (secure, plain) = (url("https")?, url("http")?);
    let is_plain = if registry.is_loopback() {
        speaks_plain_http(host).await
    } else if connections.checks_certificates() && !allows_plain {
        false
    } else {
        // A certificate that is not trusted is an answer too.
        let unverified = connections.unverified();
        let connections = &unverified;
        let proxied = connections.has_proxy(&plain);
        answers(connections, &secure).await?.is_none()
            && answers(connections, &plain).await?.is_some_and(|status| {
                // A proxy may answer for an unreachable host, and a host may redirect to HTTPS.
                let is_own = !proxied && !status.is_redirection();
                is_own || status.is_success() || status == reqwest::StatusCode::UNAUTHORIZED
            })
    };
    Ok(if is_plain { plain } else { secure })
}

/// The status of `/v2/` at `base`, through the proxy if there is one.
async fn answers(
    connections: &Connections,
    base: &Url,
) -> Result<Option<reqwest::StatusCode>, Cause> {
    let url = base
        .join("/v2/")
        .map_err(|error| Cause::Unreachable { host: host_of(base), why: error.to_string() })?;
    let request = connections.metadata(&url, None).await?.get(url);
    Ok(request.timeout(2 * CONNECT).send().await.ok().map(|response| response.status()))
}

/// Opens a connection and offers TLS.
///
/// Any answer but a TLS record means plain HTTP. Without a listener the result is false, so that
/// the first request reports the error.
async fn speaks_plain_http(host: &str) -> bool {
    let has_port = host.rfind(':') > host.rfind(']') && host.contains(':');
    let with_port = |port: u16| if has_port { host.to_owned() } else { format!("{host}:{port}") };
    let connect = |address: String| tokio::time::timeout(CONNECT, TcpStream::connect(address));
    match connect(with_port(443)).await {
        Ok(Ok(mut stream)) => !answers_tls(&mut stream, host).await.unwrap_or(false),
        _ if has_port => false,
        _ => matches!(connect(with_port(80)).await, Ok(Ok(_))),
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
        assert_eq!(base_url(&plain, &connections, false).await.unwrap().scheme(), "http");
        let secure = registry_that_answers(&[22, 3, 3, 0, 1]).await;
        assert_eq!(base_url(&secure, &connections, false).await.unwrap().scheme(), "https");
        let closing = registry_that_answers(b"").await;
        assert_eq!(base_url(&closing, &connections, false).await.unwrap().scheme(), "http");
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
            assert_eq!(found.scheme(), expected, "{status}");
        }
    }

    #[tokio::test]
    async fn http_needs_permission() {
        let elsewhere = "registry.test".parse().unwrap();
        assert_eq!(base_url(&elsewhere, &connections(), false).await.unwrap().scheme(), "https");
    }
}
