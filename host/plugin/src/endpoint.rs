//! Requests of plugins, and whoever sends them.
//!
//! This room decides whether a request may be sent at all; the transport, another room's, attaches
//! the credential and speaks HTTP.

use std::pin::Pin;

use longshore_plugin_pack::Endpoint;

/// Sends the requests of plugins.
///
/// It attaches the endpoint's credential for that exact origin, follows no redirect, keeps no cookie
/// and reads at most `max_body` bytes of a response's body.
pub trait EndpointTransport: Send + Sync {
    /// Sends one request that the plugin was granted.
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>>;
}

/// A request that has passed the grants and the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// As the plugin's metadata declares it; `registry` always exists.
    pub endpoint: Endpoint,
    /// The endpoint's origin with the registry's host and the configuration put in: `registry`, or
    /// scheme and authority such as `https://harbor.example.com`.
    pub origin: String,
    /// The host, and port if any, of the destination that the plugin was called for.
    pub registry: String,
    /// What to do.
    pub method: Method,
    /// The path's segments, unescaped: none is `.` or `..`, only the last may be empty.
    pub path: Vec<String>,
    /// The same with each segment escaped, from its leading slash.
    pub escaped_path: String,
    /// The query's keys and values, unescaped.
    pub query: Vec<(String, String)>,
    /// The same escaped, without the question mark; empty if there is no query.
    pub escaped_query: String,
    /// Lower-case names out of `accept`, `content-type`, `if-match` and `if-none-match`.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Bytes of the response's body that the plugin may still get.
    pub max_body: usize,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomingResponse {
    /// The status code.
    pub status: u16,
    /// All headers; this room drops those that a plugin may not see.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why no response came back. The texts reach the plugin: they hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The endpoint may not be reached this way, such as a token realm or a foreign origin.
    #[error("{0}")]
    Denied(String),
    /// The response's body is larger than `max_body`.
    #[error("the response is too large")]
    TooLarge,
    /// Name, connection, TLS or time-out.
    #[error("{0}")]
    Unreachable(String),
}

/// An HTTP method that a plugin can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    const ALL: [Self; 6] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As it is written in HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it changes nothing at the other end, and so is let through in a dry run.
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// The endpoint that every plugin has: the destination itself.
pub(super) fn registry_endpoint() -> Endpoint {
    Endpoint {
        name: "registry".to_owned(),
        origin: "registry".to_owned(),
        https_key: None,
        auth: longshore_plugin_pack::Auth::Registry,
    }
}
