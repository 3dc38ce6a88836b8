//! Requests and responses of plugins, and the transport that carries them.
//!
//! This crate decides whether a plugin may send a request. The transport belongs to another crate: it
//! attaches the credential and speaks HTTP.

use std::pin::Pin;

use longshore_plugin_pack::Endpoint;

/// Sends the requests of plugins.
///
/// It attaches the credential of the endpoint to requests for that exact origin. It follows no
/// redirect, keeps no cookie and reads at most `max_body` bytes of a response's body.
pub trait EndpointTransport: Send + Sync {
    /// Sends one request that a grant covers.
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>>;
}

/// A request that passed the grants and the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingRequest {
    /// The endpoint as the metadata declares it. `registry` always exists.
    pub endpoint: Endpoint,
    /// The origin of the endpoint for this registry and configuration: `registry`, or scheme and
    /// authority such as `https://harbor.example.com`.
    pub origin: String,
    /// The region in the registry's host, if the pattern of the origin has one.
    pub region: Option<String>,
    /// `HOST[:PORT]` of the destination that the call is about.
    pub registry: String,
    /// The HTTP method.
    pub method: Method,
    /// The segments of the path, unescaped. None is `.` or `..`. Only the last may be empty.
    pub path: Vec<String>,
    /// The path with escaped segments and a leading slash.
    pub escaped_path: String,
    /// The keys and values of the query, unescaped.
    pub query: Vec<(String, String)>,
    /// The escaped query without the question mark; empty if there is none.
    pub escaped_query: String,
    /// Headers with lower-case names: `accept`, `content-type`, `if-match` and `if-none-match`, and those
    /// that a grant names.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Whether this is the exchange of the plugin, whose answer only the host gets.
    pub is_exchange: bool,
    /// The largest response body that the plugin may still receive, in bytes.
    pub max_body: usize,
}

/// The response to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomingResponse {
    /// The status code.
    pub status: u16,
    /// All headers. This crate drops those that a plugin must not see.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Explains why there is no response. The plugin sees the texts, so they must not hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The transport does not send requests to this origin.
    #[error("{0}")]
    Denied(String),
    /// The response's body is larger than `max_body`.
    #[error("the response is too large")]
    TooLarge,
    /// The name, the connection, TLS or a time limit failed.
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

    /// Returns the method as HTTP writes it.
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

    /// Returns whether the method changes nothing on the server. A dry run sends only such requests.
    #[must_use]
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// Returns the endpoint that every plugin has: the destination itself.
pub(crate) fn registry_endpoint() -> Endpoint {
    Endpoint {
        name: "registry".to_owned(),
        origin: "registry".to_owned(),
        templates: Vec::new(),
        https_key: None,
        auth: longshore_plugin_pack::Auth::Registry,
    }
}
