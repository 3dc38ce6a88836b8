//! Bodies: a request's, whose client must keep sending, and a response's, whose end is noticed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;

/// A body must bring [`FLOOR`] bytes in each time of this length that is spent waiting for it.
const WINDOW: Duration = Duration::from_secs(30);
const FLOOR: usize = 16 * 1024;

/// Why a body did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The client sends too little.
    #[error("the body brought less than {FLOOR} bytes in {} seconds", WINDOW.as_secs())]
    Slow,
    /// The connection broke.
    #[error("the body ended early: {0}")]
    Broken(#[source] axum::Error),
}

/// The body of a request.
pub(crate) struct RequestBody {
    stream: BodyDataStream,
    connection: Arc<Connection>,
    window: Duration,
    /// Bytes in this window.
    received: usize,
    /// Time left in this window.
    left: Duration,
}

impl RequestBody {
    pub(super) fn new(body: Body, connection: Arc<Connection>) -> Self {
        let stream = body.into_data_stream();
        Self { stream, connection, window: WINDOW, received: 0, left: WINDOW }
    }

    /// The next bytes; `None` at the end. Only time that is spent here counts against the client.
    ///
    /// # Errors
    /// The connection broke, or the client sends too little.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        loop {
            let began = Instant::now();
            self.connection.wait_for_client();
            let next = timeout_at(began + self.left, self.stream.next()).await;
            self.connection.go_on();
            self.left = self.left.saturating_sub(began.elapsed());
            if let Ok(Some(Ok(frame))) = &next {
                self.received = self.received.saturating_add(frame.len());
            }
            if self.left.is_zero() {
                if self.received < FLOOR && !matches!(next, Ok(None)) {
                    return Some(Err(BodyError::Slow));
                }
                (self.received, self.left) = (0, self.window);
            }
            if let Ok(next) = next {
                return next.map(|next| next.map_err(BodyError::Broken));
            }
        }
    }
}

/// The body of a response. Its connection is idle again when it is dropped.
pub(super) struct ResponseBody {
    body: Body,
    connection: Arc<Connection>,
}

impl ResponseBody {
    pub(super) const fn new(body: Body, connection: Arc<Connection>) -> Self {
        Self { body, connection }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.connection.end();
    }
}

impl hyper::body::Body for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::time::Duration;

    use axum::body::Body;
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::time::sleep;

    use super::{BodyError, FLOOR, RequestBody};
    use crate::serve::net::connection::{Connection, Peer};

    const WINDOW: Duration = Duration::from_millis(500);

    /// The bytes that arrive of a body whose frames of `size` bytes come every `every`.
    async fn received(size: usize, every: Duration, count: u32) -> Result<usize, BodyError> {
        let frames = stream::unfold(0, move |sent| async move {
            sleep(every).await;
            let frame = Ok::<_, Infallible>(Bytes::from(vec![0; size]));
            (sent < count).then_some((frame, sent + 1))
        });
        let connection = Arc::new(Connection::new(Peer::of([127, 0, 0, 1].into())));
        let mut body = RequestBody::new(Body::from_stream(frames), connection);
        (body.window, body.left) = (WINDOW, WINDOW);
        let mut received = 0;
        while let Some(frame) = body.next().await {
            received += frame?.len();
        }
        Ok(received)
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_given_up() {
        for (size, every) in [(1, WINDOW / 50), (1, WINDOW * 9 / 10), (FLOOR, WINDOW * 2)] {
            let slow = received(size, every, 10_000).await;
            assert!(matches!(slow, Err(BodyError::Slow)), "{size} bytes every {every:?}");
        }
        let enough = received(FLOOR / 4, WINDOW / 10, 30).await.unwrap();
        assert_eq!(enough, 30 * FLOOR / 4, "slow, but fast enough");
        assert_eq!(received(1, WINDOW / 20, 10).await.unwrap(), 10, "short");
    }
}
