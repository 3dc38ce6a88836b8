//! What a plugin asks of the host: its configuration, the log and requests.
//!
//! On wasm32 these functions call longshore. Elsewhere they call the [`MockHost`](crate::mock::MockHost)
//! of the running test.

pub use crate::bindings::imports::endpoints::{Method, Request, RequestError, Response};
pub use crate::bindings::imports::log::Level;

use crate::bindings::imports::types::{Attribute, PluginError};

#[cfg(target_arch = "wasm32")]
use crate::bindings::imports::{config, endpoints, log};
#[cfg(not(target_arch = "wasm32"))]
use crate::mock as answers;

#[cfg(target_arch = "wasm32")]
mod answers {
    pub(super) use super::config::get as config;
    pub(super) use super::endpoints::send;
    pub(super) use super::log::{at, emit as log};
}

/// Returns the user's configuration of this plugin: a JSON object, `{}` without a configuration.
#[must_use]
pub fn config() -> String {
    answers::config()
}

/// Writes a line to longshore's log, with the name of the plugin.
pub fn log(level: Level, message: &str) {
    answers::log(level, message);
}

/// Says what the plugin works on. If the host ends the call, its error names the last place.
pub fn at(place: &str) {
    answers::at(place);
}

/// Sends a request to an endpoint of the metadata. The host adds the credential.
///
/// # Errors
/// Fails if no grant covers the request, a limit is used up, or no answer comes.
pub fn send(endpoint: &str, request: &Request) -> Result<Response, RequestError> {
    answers::send(endpoint, request)
}

impl Method {
    /// The name of the method (RFC 9110, section 9.3, and RFC 5789).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

impl Request {
    /// Creates a request for a path. Segments are not escaped; an empty last one is a trailing slash.
    #[must_use]
    pub fn new<S: Into<String>>(method: Method, path: impl IntoIterator<Item = S>) -> Self {
        Self {
            method,
            path: path.into_iter().map(Into::into).collect(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push(Attribute::new(key, value));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Attribute::new(name, value));
        self
    }

    /// Sets the body and its type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..self.header("content-type", media_type) }
    }

    /// Sets a body in JSON.
    #[must_use]
    pub fn json(self, body: impl Into<Vec<u8>>) -> Self {
        self.body("application/json", body)
    }
}

impl Response {
    /// Returns the first header with this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.key == name).map(|header| header.value.as_str())
    }

    /// Returns the seconds of `Retry-After`. A date is ignored, because a plugin has no clock.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// Returns the body as text; other bytes than UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl From<RequestError> for PluginError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Denied(why) => Self::other("denied", why),
            RequestError::Exhausted(why) => Self::other("exhausted", why),
            RequestError::Unreachable(_) => Self::Transient(None),
            RequestError::Other(coded) => Self::Other(coded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Attribute, Response};

    #[test]
    fn only_seconds_are_a_delay() {
        let after = |value: &str| {
            let headers = vec![Attribute::new("retry-after", value)];
            Response { status: 429, headers, body: Vec::new() }.retry_after()
        };
        assert_eq!(after(" 17 "), Some(17));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
        assert_eq!(after("-1"), None);
        assert_eq!(after(""), None);
    }
}
