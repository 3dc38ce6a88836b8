//! The API requests to Harbor, independent of the component types.

/// The endpoint in the plugin's metadata that gets the credential.
const API: &str = "api";

/// The endpoint in the plugin's metadata that gets no credential: Harbor counts a wrong password there
/// as a failed login too.
const PUBLIC: &str = "ping";

/// Path segments of `/api/v2.0/ping`, not escaped.
pub const PING: &[&str] = &["api", "v2.0", "ping"];

/// Path segments of `/api/v2.0/projects`, not escaped.
pub const PROJECTS: &[&str] = &["api", "v2.0", "projects"];

/// Stands for the name of the project in a path.
const NAME: &str = "{project}";

/// Path segments of `/api/v2.0/projects/NAME/summary`, not escaped.
pub const SUMMARY: &[&str] = &["api", "v2.0", "projects", NAME, "summary"];

/// Path segments of `/api/v2.0/projects/NAME/immutabletagrules`, not escaped.
pub const IMMUTABLE: &[&str] = &["api", "v2.0", "projects", NAME, "immutabletagrules"];

/// Path segments of `/api/v2.0/systeminfo`, not escaped.
pub const SYSTEM: &[&str] = &["api", "v2.0", "systeminfo"];

/// Path segments of `/api/v2.0/users/current`, not escaped.
pub const ACCOUNT: &[&str] = &["api", "v2.0", "users", "current"];

/// The HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Checks whether a resource exists.
    Head,
    /// Creates a resource.
    Post,
}

/// A request to Harbor's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The HTTP method.
    pub method: Method,
    /// The path segments, in which one may stand for `project`.
    pub path: &'static [&'static str],
    /// The project in the path, if it has one.
    pub project: Option<String>,
    /// The query parameter, if there is one.
    pub query: Option<(&'static str, String)>,
    /// The JSON body, if there is one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Returns the endpoint that the request is for.
    #[must_use]
    pub fn endpoint(&self) -> &'static str {
        if self.path == PING { PUBLIC } else { API }
    }

    /// Returns the path segments, not escaped.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        let segment = |&segment: &&str| match &self.project {
            Some(project) if segment == NAME => project.clone(),
            _ => segment.to_owned(),
        };
        self.path.iter().map(segment).collect()
    }
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Seconds from `Retry-After`, if it holds seconds.
    pub retry_after: Option<u32>,
    /// The response body.
    pub body: Vec<u8>,
}

/// Explains why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The host does not allow the request.
    Denied(String),
    /// The call has used up its limits.
    Exhausted(String),
    /// The server did not respond.
    Unreachable(String),
    /// Another failure on the host.
    Other(String),
}

/// Sends a request and waits for the response.
pub trait Transport: FnMut(&Request) -> Result<Response, SendError> {}

impl<F: FnMut(&Request) -> Result<Response, SendError>> Transport for F {}
