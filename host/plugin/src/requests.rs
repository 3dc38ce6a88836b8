//! The requests of one call: what is checked before anything is sent, and after it came back.

use std::sync::Arc;

use longshore_plugin_pack::Endpoint;

use super::access::Access;
use super::bindings::longshore::plugin::endpoints::{
    Host, Method as WitMethod, Request, RequestError, Response,
};
use super::bindings::longshore::plugin::types::{Attribute, Coded};
use super::endpoint::{IncomingResponse, Method, OutgoingRequest, TransportError};
use super::escape::shown;
use super::guest::Guest;
use super::limits::Limits;
use super::origin::Origin;

/// What a plugin may put into a request.
const REQUEST_HEADERS: [&str; 4] = ["accept", "content-type", "if-match", "if-none-match"];

/// What a plugin never sees of a response.
const HIDDEN_HEADERS: [&str; 5] =
    ["set-cookie", "set-cookie2", "www-authenticate", "authorization", "proxy-authenticate"];

/// Bytes of path and query, escaped, and of a header's value.
const MAX_TARGET: usize = 16 * 1024;
const MAX_HEADER: usize = 8 * 1024;

/// The requests of one call.
pub(super) struct Requests {
    access: Arc<Access>,
    /// The destination that the plugin was called for; none for plugins that have no business there.
    registry: Option<String>,
    dry_run: bool,
    left: u32,
    traffic: usize,
    request_body: usize,
    response_body: usize,
}

impl Requests {
    pub(super) fn new(
        access: Arc<Access>,
        registry: Option<String>,
        dry_run: bool,
        limits: &Limits,
    ) -> Self {
        Self {
            access,
            registry,
            dry_run,
            left: limits.requests,
            traffic: limits.traffic,
            request_body: limits.request_body,
            response_body: limits.response_body,
        }
    }

    /// Makes the call a dry run.
    pub(super) fn forbid_changes(&mut self) {
        self.dry_run = true;
    }

    async fn send(&mut self, endpoint: &str, request: Request) -> Result<Response, RequestError> {
        let outgoing = self.check(endpoint, request)?;
        let Some(transport) = self.access.transport.clone() else {
            return Err(denied("this command sends no requests for plugins"));
        };
        self.left -= 1;
        self.traffic -= outgoing.body.as_ref().map_or(0, Vec::len);
        let max_body = outgoing.max_body;
        let incoming = transport.send(outgoing).await.map_err(refusal)?;
        if incoming.body.len() > max_body {
            self.traffic = 0;
            return Err(refusal(TransportError::TooLarge));
        }
        self.traffic -= incoming.body.len();
        Ok(response(incoming))
    }

    /// Everything that can be refused without sending.
    fn check(&self, endpoint: &str, request: Request) -> Result<OutgoingRequest, RequestError> {
        let method = method(request.method);
        check_path(&request.path)?;
        let escaped_path = escaped_path(&request.path);
        let query: Vec<_> = request.query.into_iter().map(pair).collect();
        let escaped_query = escaped_query(&query);
        if escaped_path.len() + escaped_query.len() > MAX_TARGET {
            return Err(denied("its path and query are too long"));
        }
        let (known, origin) = self.known(endpoint)?;
        let grants = &self.access.grants;
        if !grants.iter().any(|grant| grant.covers(method, endpoint, &request.path)) {
            let wanted = format!("{} {} {escaped_path}", method.as_str(), shown(endpoint));
            return Err(denied(format!("no grant covers `{wanted}`")));
        }
        if self.dry_run && !method.is_safe() {
            return Err(denied(format!("a dry run sends no {} request", method.as_str())));
        }
        let Some(registry) = self.registry.clone() else {
            return Err(denied("this call is about no registry"));
        };
        let (endpoint, origin) = (known.clone(), origin.resolve(&registry));
        Ok(OutgoingRequest {
            endpoint,
            origin,
            registry,
            method,
            path: request.path,
            escaped_path,
            query,
            escaped_query,
            headers: headers(request.headers)?,
            max_body: self.room(request.body.as_deref())?,
            body: request.body,
        })
    }

    fn known(&self, name: &str) -> Result<&(Endpoint, Origin), RequestError> {
        self.access.endpoints.iter().find(|(endpoint, _)| endpoint.name == name).ok_or_else(|| {
            let names = "its metadata names none so; without metadata there is only `registry`";
            denied(format!("there is no endpoint `{}`: {names}", shown(name)))
        })
    }

    /// Bytes of a response that still fit into the limits of this call.
    fn room(&self, body: Option<&[u8]>) -> Result<usize, RequestError> {
        let body = body.map_or(0, <[u8]>::len);
        if self.left == 0 {
            return Err(exhausted("the requests of this call are used up"));
        }
        if body > self.request_body {
            return Err(exhausted("the request's body is too large"));
        }
        match self.traffic.checked_sub(body) {
            Some(left) if left > 0 => Ok(left.min(self.response_body)),
            _ => Err(exhausted("the bytes of this call are used up")),
        }
    }
}

impl Host for Guest {
    async fn send(&mut self, endpoint: String, request: Request) -> Result<Response, RequestError> {
        self.requests.send(&endpoint, request).await
    }
}

fn method(method: WitMethod) -> Method {
    match method {
        WitMethod::Get => Method::Get,
        WitMethod::Head => Method::Head,
        WitMethod::Post => Method::Post,
        WitMethod::Put => Method::Put,
        WitMethod::Patch => Method::Patch,
        WitMethod::Delete => Method::Delete,
    }
}

fn check_path(path: &[String]) -> Result<(), RequestError> {
    for (index, segment) in path.iter().enumerate() {
        if segment.is_empty() && index + 1 == path.len() {
            continue;
        }
        // Servers that take an escaped slash for a slash must not be led elsewhere either.
        if segment.split(['/', '\\']).any(|part| matches!(part, "" | "." | "..")) {
            return Err(denied(format!("`{}` is no path segment", shown(segment))));
        }
        if segment.contains(char::is_control) {
            return Err(denied("a path segment holds a control character"));
        }
    }
    Ok(())
}

fn headers(headers: Vec<Attribute>) -> Result<Vec<(String, String)>, RequestError> {
    headers
        .into_iter()
        .map(|Attribute { key, value }| {
            let key = key.to_ascii_lowercase();
            if !REQUEST_HEADERS.contains(&key.as_str()) {
                return Err(denied(format!("the header `{}` may not be sent", shown(&key))));
            }
            let plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if !plain || value.len() > MAX_HEADER {
                return Err(denied(format!("the value of the header `{key}` is invalid")));
            }
            Ok((key, value))
        })
        .collect()
}

fn response(incoming: IncomingResponse) -> Response {
    let headers = incoming
        .headers
        .into_iter()
        .map(|(key, value)| (key.to_ascii_lowercase(), value))
        .filter(|(key, _)| !HIDDEN_HEADERS.contains(&key.as_str()))
        .map(|(key, value)| Attribute { key, value })
        .collect();
    Response { status: incoming.status, headers, body: incoming.body }
}

fn refusal(error: TransportError) -> RequestError {
    match error {
        TransportError::Denied(message) => RequestError::Denied(message),
        TransportError::TooLarge => RequestError::Other(Coded {
            code: "response-too-large".to_owned(),
            message: error.to_string(),
        }),
        TransportError::Unreachable(message) => RequestError::Unreachable(message),
    }
}

fn denied(message: impl Into<String>) -> RequestError {
    RequestError::Denied(message.into())
}

fn exhausted(message: &str) -> RequestError {
    RequestError::Exhausted(message.to_owned())
}

fn pair(attribute: Attribute) -> (String, String) {
    (attribute.key, attribute.value)
}

fn escaped_path(path: &[String]) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let mut escaped = String::new();
    for segment in path {
        escaped.push('/');
        percent_encode(segment, &mut escaped);
    }
    escaped
}

fn escaped_query(query: &[(String, String)]) -> String {
    let mut escaped = String::new();
    for (key, value) in query {
        if !escaped.is_empty() {
            escaped.push('&');
        }
        percent_encode(key, &mut escaped);
        escaped.push('=');
        percent_encode(value, &mut escaped);
    }
    escaped
}

/// Escapes everything but RFC 3986's unreserved characters (section 2.3).
fn percent_encode(text: &str, escaped: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push(char::from(DIGITS[usize::from(byte >> 4)]));
            escaped.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
#[path = "tests/requests.rs"]
mod tests;
