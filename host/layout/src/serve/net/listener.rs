//! Accepts connections and hands their requests to the registry.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::body::{RequestBody, ResponseBody};
use super::connection::{Connection, Peer};
use super::connections::{Connections, Limits};
use super::watched::Watched;

/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// How much hyper buffers of a connection, in bytes: also the largest head of a request.
const BUFFER: usize = 64 * 1024;

/// The response to a client whose address has too many busy connections.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 0\r\n\r\n";

/// A request, and the address of its sender.
pub(crate) struct Request {
    pub(crate) parts: Parts,
    pub(crate) body: RequestBody,
    pub(crate) peer: Peer,
}

/// A socket that is listened on, and its connections. They end when it is dropped.
pub(crate) struct Listener {
    listener: TcpListener,
    connections: Arc<Connections>,
    tls: Option<TlsAcceptor>,
    stop: watch::Sender<bool>,
    /// Each connection's task has a sender, so the receiver knows when all have ended.
    running: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Listener {
    pub(crate) fn new(listener: TcpListener, limits: Limits, tls: Option<TlsAcceptor>) -> Self {
        let connections = Arc::new(Connections::new(limits));
        let stop = watch::Sender::new(false);
        Self { listener, connections, tls, stop, running: mpsc::channel(1) }
    }

    /// Accepts connections for ever. `answer` gives a request its response.
    pub(crate) async fn accept<F>(&self, answer: impl Fn(Request) -> F + Clone + Send + 'static)
    where
        F: Future<Output = Response> + Send + 'static,
    {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let peer = Peer::of(address.ip());
                    match self.connections.admit(peer) {
                        Some((number, connection)) => {
                            self.serve(stream, number, connection, answer.clone());
                        }
                        None => refuse(stream),
                    }
                }
                Err(error) => {
                    tracing::debug!("failed to accept a connection: {error}");
                    if !is_of_connection(&error) {
                        // Most likely the process has no more files.
                        self.connections.close_oldest();
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }

    fn serve<F>(
        &self,
        stream: TcpStream,
        number: u64,
        connection: Arc<Connection>,
        answer: impl Fn(Request) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = Response> + Send + 'static,
    {
        // Answers are often two small writes: headers, then a body.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("failed to set TCP_NODELAY: {error}");
        }
        let connections = Arc::clone(&self.connections);
        let (running, stop) = (self.running.0.clone(), self.stop.subscribe());
        let tls = self.tls.clone();
        tokio::spawn(async move {
            let stream = Watched::new(stream, Arc::clone(&connection));
            match tls {
                None => serve(stream, connection, stop, answer).await,
                Some(tls) => {
                    let shaken = tokio::select! {
                        shaken = timeout(HEAD_TIME, tls.accept(stream)) => shaken,
                        () = connection.closed() => Ok(Err(io::ErrorKind::ConnectionAborted.into())),
                    };
                    match shaken {
                        Ok(Ok(stream)) => serve(stream, connection, stop, answer).await,
                        Ok(Err(error)) => tracing::debug!("a TLS handshake failed: {error}"),
                        Err(_) => tracing::debug!("a TLS handshake took too long"),
                    }
                }
            }
            connections.remove(number);
            drop(running);
        });
    }

    /// Gives requests under way `grace` to end, and closes what is left. False if something was.
    pub(crate) async fn stop(self, grace: Duration) -> bool {
        drop(self.listener);
        let (running, mut all_ended) = self.running;
        drop(running);
        self.stop.send_replace(true);
        let in_time = timeout(grace, all_ended.recv()).await.is_ok();
        self.connections.close_all();
        let _ = timeout(Duration::from_secs(1), all_ended.recv()).await;
        in_time
    }
}

/// Serves the requests of one connection until it ends, is closed, or is told to stop.
async fn serve<F>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: Arc<Connection>,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request) -> F + Clone,
) where
    F: Future<Output = Response>,
{
    let (peer, ours) = (connection.peer, Arc::clone(&connection));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (answer, connection) = (answer.clone(), Arc::clone(&ours));
        async move {
            connection.begin();
            let (parts, body) = request.into_parts();
            let body = RequestBody::new(Body::new(body), Arc::clone(&connection));
            let response = answer(Request { parts, body, peer }).await;
            let response = response.map(|body| ResponseBody::new(body, connection));
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(BUFFER);
    let mut serving = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = connection.closed() => Ok(()),
        () = async { drop(stop.wait_for(|stop| *stop).await) } => {
            serving.as_mut().graceful_shutdown();
            if connection.is_idle() { Ok(()) } else {
                tokio::select! {
                    ended = &mut serving => ended,
                    () = connection.closed() => Ok(()),
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Whether the connection failed, and not the socket that is listened on.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// Says that there are too many connections, if the client takes that at once.
fn refuse(mut stream: TcpStream) {
    tokio::spawn(async move {
        let _ = timeout(Duration::from_secs(1), async {
            stream.write_all(TOO_MANY).await?;
            stream.shutdown().await
        })
        .await;
    });
}
