//! HTTP/1.1 for blobs, over connections with bounded buffers.
//!
//! reqwest cannot bound hyper's buffers. They grow to 400 KiB, and each piece of a body keeps its
//! whole buffer alive, with several pieces per blob. Requests and responses remain reqwest's types.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use reqwest::header::{ACCEPT, HeaderValue, USER_AGENT};
use reqwest::{Body, Request, Response, ResponseBuilderExt as _};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::http::resolver::Resolver;

/// Timeout for opening a connection.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);
/// The `User-Agent`.
pub(crate) const AGENT: &str = concat!("longshore/", env!("CARGO_PKG_VERSION"));
/// How long idle connections are kept. Many servers close them after a minute.
pub(crate) const IDLE: Duration = Duration::from_secs(45);

/// The read and write buffer of a connection, in bytes. It also limits the response headers.
const BUFFER: usize = 64 * 1024;

/// An HTTP client without proxies.
#[derive(Clone, Debug)]
pub(crate) struct Transport(Client<Connector, Body>);

impl Transport {
    /// Makes a client that uses `tls` for HTTPS.
    pub(crate) fn new(tls: rustls::ClientConfig, resolver: Resolver) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        // The TLS connector wraps this one.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(BUFFER)
            .build(Connector(connector));
        Self(client)
    }

    /// Sends `request` and returns the response before its body is read.
    ///
    /// # Errors
    /// No connection, or one that broke before the response headers.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let url = request.url().clone();
        let headers = request.headers_mut();
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let request: http::Request<Body> = request.try_into()?;
        let answered = self.0.request(request).await?;
        let (mut parts, body) = answered.into_parts();
        // Only the builder can attach the response's URL.
        let (named, ()) = http::Response::builder().url(url).body(())?.into_parts();
        parts.extensions.extend(named.extensions);
        Ok(http::Response::from_parts(parts, Body::wrap(body)).into())
    }
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection, or a broken one.
    #[error(transparent)]
    Connection(#[from] Error),
    /// The request cannot be converted.
    #[error(transparent)]
    Request(#[from] reqwest::Error),
    /// The response cannot be converted.
    #[error(transparent)]
    ErrorResponse(#[from] http::Error),
}

impl TransportError {
    /// Whether no connection could be opened.
    pub(crate) fn is_connect(&self) -> bool {
        matches!(self, Self::Connection(error) if error.is_connect())
    }

    /// Whether it timed out.
    pub(crate) fn is_timeout(&self) -> bool {
        let mut next = self.source();
        while let Some(error) = next {
            let io = error.downcast_ref::<io::Error>();
            if io.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
                return true;
            }
            next = error.source();
        }
        false
    }
}

/// Opens connections, including TLS, within [`CONNECT`].
#[derive(Clone, Debug)]
struct Connector(HttpsConnector<HttpConnector<Resolver>>);

/// The future of a connection.
type Connecting = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<http::Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: http::Uri) -> Connecting {
        let connecting = self.0.call(to);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}
