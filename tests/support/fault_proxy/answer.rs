//! A response and how it is sent.

use std::time::Duration;

/// A response to a client.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Headers with lower-case names. Without `content-length` here, it is the length of the body.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    pub(super) cut: Option<usize>,
    pub(super) dropped: bool,
    pub(super) chunked: bool,
    pub(super) wait: Duration,
    pub(super) piece: usize,
    pub(super) pause: Duration,
}

impl Answer {
    /// Creates an empty response with this status.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            cut: None,
            dropped: false,
            chunked: false,
            wait: Duration::ZERO,
            piece: 64 * 1024,
            pause: Duration::ZERO,
        }
    }

    /// Creates a redirect.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(307).header("location", to)
    }

    /// Creates an error response with a registry error code.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"a fault"}}]}}"#);
        Self::status(status).header("content-type", "application/json").body(body)
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Closes the connection after this many bytes of the body. `content-length` covers the full
    /// body.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// Closes the connection without a response.
    pub(crate) fn dropped(mut self) -> Self {
        self.dropped = true;
        self
    }

    /// Sends the body without `content-length`.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self.without("content-length")
    }

    /// Delays the response.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sends the body in pieces of this many bytes, with a pause after each.
    pub(crate) fn dripping(mut self, piece: usize, pause: Duration) -> Self {
        self.piece = piece;
        self.pause = pause;
        self
    }
}
