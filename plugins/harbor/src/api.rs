//! The few requests that a Harbor is asked, free of the component's types.

/// The endpoint that the metadata declares.
pub const ENDPOINT: &str = "api";

/// Unescaped segments of `/api/v2.0/ping`.
pub const PING: [&str; 3] = ["api", "v2.0", "ping"];

/// Unescaped segments of `/api/v2.0/projects`.
pub const PROJECTS: [&str; 3] = ["api", "v2.0", "projects"];

/// What is asked of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read it.
    Get,
    /// Ask whether it is there.
    Head,
    /// Make something below it.
    Post,
}

/// One request to [`ENDPOINT`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of which path.
    pub path: [&'static str; 3],
    /// The only query parameter, if there is one.
    pub query: Option<(&'static str, String)>,
    /// JSON, if there is a body.
    pub body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Seconds that `Retry-After` names, where it names seconds.
    pub retry_after: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The host lets no such request through.
    Denied(String),
    /// The limits of the call are used up.
    Exhausted(String),
    /// No answer.
    Unreachable(String),
    /// Another failure of the host's.
    Other(String),
}

/// Sends one request and waits for its answer.
pub trait Transport: FnMut(&Request) -> Result<Response, SendError> {}

impl<F: FnMut(&Request) -> Result<Response, SendError>> Transport for F {}

/// Reads the value of a `Retry-After` header; a date is none, as the plugin has no use for a clock.
#[must_use]
pub fn retry_after(value: &str) -> Option<u32> {
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::retry_after;

    #[test]
    fn only_seconds_are_read() {
        assert_eq!(retry_after(" 17 "), Some(17));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(retry_after("-1"), None);
    }
}
