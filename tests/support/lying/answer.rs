//! An answer, true or not, and how it is sent.

use std::time::Duration;

/// What a client gets to see.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// Names, in lower case, and values. `content-length` is the body's unless it stands here.
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
    /// This status and nothing else.
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

    /// A redirect.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(307).header("location", to)
    }

    /// The refusal of a registry, with its error code.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"a lie"}}]}}"#);
        Self::status(status).header("content-type", "application/json").body(body)
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a header away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The connection breaks after so many bytes of the body, all of which was announced.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    /// The connection is closed without a word.
    pub(crate) fn dropped(mut self) -> Self {
        self.dropped = true;
        self
    }

    /// The body's length is not announced.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self.without("content-length")
    }

    /// It comes so late.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// The body comes in pieces of so many bytes, with a pause behind each.
    pub(crate) fn dripping(mut self, piece: usize, pause: Duration) -> Self {
        self.piece = piece;
        self.pause = pause;
        self
    }
}
