//! Answers health checks and Prometheus over HTTP, for commands that run for long.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The most connections at once. A new one takes the place of the oldest: clients that say nothing must not keep a
/// health check out.
const CONNECTIONS: usize = 32;
/// How long a client may take for its headers.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a connection may stay open.
const OPEN: Duration = Duration::from_mins(5);
/// The pause after a connection that could not be accepted.
const AGAIN: Duration = Duration::from_millis(100);

/// What a command says about itself.
pub(crate) trait Status: Send + Sync + 'static {
    /// Says whether the command does its work. `/readyz` answers 503 otherwise.
    fn is_ready(&self) -> bool {
        true
    }

    /// Returns the metrics in the text format of Prometheus.
    fn metrics(&self) -> String;
}

/// A command that is always ready, by its metrics.
impl<M: Fn() -> String + Send + Sync + 'static> Status for M {
    fn metrics(&self) -> String {
        self()
    }
}

/// Answers `/healthz`, `/readyz` and `/metrics` with the status until the end of the process. Returns the
/// address.
///
/// # Errors
/// If the address cannot be used.
pub(crate) async fn answer(address: SocketAddr, status: impl Status) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let status: Arc<dyn Status> = Arc::new(status);
    tokio::spawn(accept(listener, status));
    Ok(address)
}

async fn accept(listener: TcpListener, status: Arc<dyn Status>) {
    let mut open: VecDeque<AbortHandle> = VecDeque::with_capacity(CONNECTIONS);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let status = Arc::clone(&status);
        let connection = tokio::spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let response = response(request.method(), request.uri().path(), &*status);
                async move { Ok::<_, Infallible>(response) }
            });
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks the connection asks again.
            let _broken = tokio::time::timeout(OPEN, serving).await;
        });
        open.push_back(connection.abort_handle());
    }
}

fn response(method: &Method, path: &str, status: &dyn Status) -> Response<String> {
    let text = |code: StatusCode, text: String| {
        let mut response = Response::new(text);
        *response.status_mut() = code;
        let plain = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        response
    };
    if method != Method::GET && method != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "GET only\n".to_owned());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" if status.is_ready() => text(StatusCode::OK, "ok\n".to_owned()),
        "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
        "/metrics" => text(StatusCode::OK, status.metrics()),
        _ => text(StatusCode::NOT_FOUND, "/healthz, /readyz and /metrics are here\n".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::{CONNECTIONS, Status, answer};

    async fn asked(status: impl Status, request: &str) -> String {
        asked_at(answer(([127, 0, 0, 1], 0).into(), status).await.unwrap(), request).await
    }

    async fn asked_at(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn it_answers_health_checks_and_prometheus() {
        for (request, code, body) in [
            ("GET /healthz", "200 OK", "\r\n\r\nok\n"),
            ("GET /readyz", "200 OK", "\r\n\r\nok\n"),
            ("GET /metrics", "200 OK", "\r\n\r\na_total 1\n"),
            ("HEAD /metrics", "200 OK", "\r\n\r\n"),
            ("GET /", "404 Not Found", "\r\n\r\n/healthz, /readyz and /metrics are here\n"),
            ("POST /metrics", "405 Method Not Allowed", "\r\n\r\nGET only\n"),
        ] {
            let answer = asked(|| "a_total 1\n".to_owned(), request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}\r\n")), "{request}: {answer}");
            assert!(answer.ends_with(body), "{request}: {answer}");
        }
    }

    #[tokio::test]
    async fn clients_that_say_nothing_keep_nobody_out() {
        let status = || "a_total 1\n".to_owned();
        let address = answer(([127, 0, 0, 1], 0).into(), status).await.unwrap();
        for start in ["", "GET ", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
            let mut idle = Vec::new();
            for _ in 0..2 * CONNECTIONS {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(start.as_bytes()).await.unwrap();
                idle.push(stream);
            }
            let answer = asked_at(address, "GET /healthz").await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{start:?}: {answer}");
            assert_eq!(idle[0].read(&mut [0]).await.unwrap_or(0), 0, "the oldest was closed");
        }
    }

    #[tokio::test]
    async fn a_command_may_be_alive_and_not_ready() {
        struct Starting;
        impl Status for Starting {
            fn is_ready(&self) -> bool {
                false
            }
            fn metrics(&self) -> String {
                String::new()
            }
        }
        let answer = asked(Starting, "GET /readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\nnot ready\n"), "{answer}");
        assert!(asked(Starting, "GET /healthz").await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}
