//! The requests of one call, checked before they are sent, and their responses.

use std::sync::Arc;

use longshore_plugin_pack::{Endpoint, Exchange};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::exchange::{is_exchange, segments};
use super::grant::{NO_GRANT, REQUEST_HEADERS, Wanted};
use super::origin::Origin;
use super::permissions::{NotGranted, Permissions};
use super::transport::{IncomingResponse, Method, OutgoingRequest, TransportError};
use crate::bindings::longshore::plugin::endpoints::{
    Method as WitMethod, Request, RequestError, Response,
};
use crate::bindings::longshore::plugin::types::{Attribute, Coded};
use crate::escape::shown;
use crate::limits::Limits;

/// Response headers that a plugin must not see.
const HIDDEN_HEADERS: [&str; 5] =
    ["set-cookie", "set-cookie2", "www-authenticate", "authorization", "proxy-authenticate"];

/// The maximum size of the escaped path and query, in bytes.
const MAX_TARGET: usize = 16 * 1024;
/// The maximum size of a header value, in bytes.
const MAX_HEADER: usize = 8 * 1024;

/// Sends the requests of one call within their grants and limits.
pub(crate) struct Requests {
    permissions: Arc<Permissions>,
    /// The destination that the call is about, if there is one.
    registry: Option<String>,
    dry_run: bool,
    left: u32,
    traffic: usize,
    request_body: usize,
    response_body: usize,
    /// The last request, and the status of its answer if that is an error.
    refused: Option<String>,
}

impl Requests {
    pub(crate) fn new(
        permissions: Arc<Permissions>,
        registry: Option<String>,
        dry_run: bool,
        limits: &Limits,
    ) -> Self {
        Self {
            permissions,
            registry,
            dry_run,
            left: limits.requests,
            traffic: limits.traffic,
            request_body: limits.request_body,
            response_body: limits.response_body,
            refused: None,
        }
    }

    /// Makes the call a dry run, in which only requests that change nothing are sent.
    pub(crate) fn forbid_changes(&mut self) {
        self.dry_run = true;
    }

    /// Returns the last answer of the call if its status is an error, such as `503 to GET r.example/api`.
    pub(crate) fn refused(&self) -> Option<String> {
        self.refused.clone()
    }

    /// Sends a request if a grant covers it and the limits of the call allow it.
    pub(crate) async fn send(
        &mut self,
        endpoint: &str,
        request: Request,
    ) -> Result<Response, RequestError> {
        let outgoing = self.check(endpoint, request)?;
        let Some(transport) = self.permissions.transport.clone() else {
            return Err(denied("this command does not send requests of plugins"));
        };
        self.left -= 1;
        self.traffic -= outgoing.body.as_ref().map_or(0, Vec::len);
        let max_body = outgoing.max_body;
        let method = outgoing.method.as_str();
        let host = match &*outgoing.origin {
            "registry" => &outgoing.registry,
            origin => origin,
        };
        let place = format!("{method} {}{}", shown(host), outgoing.escaped_path);
        self.refused = None;
        let incoming = transport.send(outgoing).await.map_err(refusal)?;
        if incoming.body.len() > max_body {
            self.traffic = 0;
            return Err(refusal(TransportError::TooLarge));
        }
        self.traffic -= incoming.body.len();
        self.refused = (incoming.status >= 400).then(|| format!("{} to {place}", incoming.status));
        Ok(response(incoming))
    }

    /// Checks a request without sending it.
    fn check(&self, endpoint: &str, request: Request) -> Result<OutgoingRequest, RequestError> {
        let method = method(request.method);
        check_path(&request.path)?;
        let escaped_path = escaped_path(&request.path);
        let query: Vec<_> = request.query.into_iter().map(pair).collect();
        let escaped_query = escaped_query(&query);
        if escaped_path.len() + escaped_query.len() > MAX_TARGET {
            return Err(denied("the path and the query are too long"));
        }
        let (known, origin) = self.known(endpoint)?;
        let headers = headers(request.headers)?;
        let wanted = Wanted { method, endpoint, path: &request.path, headers: &headers };
        match self.permissions.grant(&wanted, self.dry_run) {
            Ok(()) => {}
            Err(NotGranted::Ever) => return Err(self.ungranted(&wanted, &escaped_path)),
            Err(NotGranted::InDryRun) => {
                return Err(denied(format!("a dry run sends no {} request", method.as_str())));
            }
        }
        if self.permissions.exchange.as_ref().is_some_and(|known| is_exchange(known, &wanted)) {
            return Err(denied("the host itself sends the request for the registry's credential"));
        }
        let Some(registry) = self.registry.clone() else {
            return Err(denied("this call has no registry"));
        };
        let resolved = self.permissions.resolve(known, origin, &registry).map_err(denied)?;
        Ok(OutgoingRequest {
            endpoint: known.clone(),
            origin: resolved.origin,
            region: resolved.region,
            registry,
            method,
            path: request.path,
            escaped_path,
            query,
            escaped_query,
            headers,
            is_exchange: false,
            max_body: self.room(request.body.as_deref())?,
            body: request.body,
        })
    }

    /// Says that no grant covers a request, or that it has a header that no grant names.
    fn ungranted(&self, wanted: &Wanted<'_>, escaped_path: &str) -> RequestError {
        let plain: Vec<(String, String)> = wanted
            .headers
            .iter()
            .filter(|(name, _)| REQUEST_HEADERS.contains(&name.as_str()))
            .cloned()
            .collect();
        let without = Wanted { headers: &plain, ..*wanted };
        let other =
            wanted.headers.iter().find(|(name, _)| !REQUEST_HEADERS.contains(&name.as_str()));
        match other {
            Some((name, _)) if self.permissions.grant(&without, false).is_ok() => {
                denied(format!("a plugin may not send the header `{}`", shown(name)))
            }
            _ => {
                let method = wanted.method.as_str();
                let mut text = format!("{method} {} {escaped_path}", shown(wanted.endpoint));
                for (name, value) in wanted.headers.iter().filter(|header| !plain.contains(header))
                {
                    text.push_str(&format!(" {}={}", shown(name), shown(value)));
                }
                denied(format!("{NO_GRANT} `{text}`"))
            }
        }
    }

    fn known(&self, name: &str) -> Result<&(Endpoint, Origin), RequestError> {
        self.permissions.endpoint(name).ok_or_else(|| {
            let known = "the metadata declares the endpoints; `registry` always exists";
            denied(format!("there is no endpoint `{}`: {known}", shown(name)))
        })
    }

    /// Returns how many bytes of a response the limits of this call still allow.
    fn room(&self, body: Option<&[u8]>) -> Result<usize, RequestError> {
        let body = body.map_or(0, <[u8]>::len);
        if self.left == 0 {
            return Err(exhausted("this call has sent too many requests"));
        }
        if body > self.request_body {
            return Err(exhausted("the request's body is too large"));
        }
        match self.traffic.checked_sub(body) {
            Some(left) if left > 0 => Ok(left.min(self.response_body)),
            _ => Err(exhausted("this call has transferred too many bytes")),
        }
    }
}

/// Returns the request of an exchange for the credential of `registry`, or why it may not be sent.
pub(crate) fn exchange_request(
    permissions: &Permissions,
    exchange: &Exchange,
    registry: &str,
    max_body: usize,
) -> Result<OutgoingRequest, String> {
    let path = segments(exchange);
    check_path(&path).map_err(|_| "its path is not valid".to_owned())?;
    let (endpoint, origin) =
        permissions.endpoint(&exchange.endpoint).ok_or("it has no endpoint".to_owned())?;
    let method = Method::parse(&exchange.method).ok_or("its method is not valid".to_owned())?;
    let header =
        |(key, value): (&String, &String)| Attribute { key: key.clone(), value: value.clone() };
    let headers = headers(exchange.headers.iter().map(header).collect())
        .map_err(|_| "a header is not valid".to_owned())?;
    // A login changes nothing, so that a dry run needs no special grant.
    let wanted = Wanted { method, endpoint: &exchange.endpoint, path: &path, headers: &headers };
    let escaped_path = escaped_path(&path);
    permissions.grant(&wanted, false).map_err(|_| {
        let mut text = format!("{} {} {escaped_path}", method.as_str(), shown(&exchange.endpoint));
        for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("x-")) {
            text.push_str(&format!(" {}={}", shown(name), shown(value)));
        }
        format!("{NO_GRANT} `{text}`")
    })?;
    let resolved = permissions.resolve(endpoint, origin, registry)?;
    Ok(OutgoingRequest {
        endpoint: endpoint.clone(),
        origin: resolved.origin,
        region: resolved.region,
        registry: registry.to_owned(),
        method,
        escaped_path,
        path,
        query: Vec::new(),
        escaped_query: String::new(),
        headers,
        body: exchange.body.clone().map(String::into_bytes),
        is_exchange: true,
        max_body,
    })
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
        // Some servers treat an escaped slash as a slash.
        if segment.split(['/', '\\']).any(|part| matches!(part, "" | "." | "..")) {
            return Err(denied(format!("`{}` is not a valid path segment", shown(segment))));
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

/// Everything except the unreserved characters of RFC 3986 (section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn percent_encode(text: &str, escaped: &mut String) {
    escaped.extend(utf8_percent_encode(text, RESERVED));
}

#[cfg(test)]
mod tests;
