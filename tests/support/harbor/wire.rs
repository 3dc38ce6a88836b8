//! Requests and responses of the fake Harbor.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;

use base64::Engine as _;

use super::{PASSWORD, USER};

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path without the query.
    pub(crate) path: String,
    pub(super) query: String,
    pub(super) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// Returns the authentication scheme: `Basic`, `Bearer` or nothing.
    pub(crate) fn scheme(&self) -> Option<&str> {
        self.headers.get("authorization")?.split(' ').next()
    }

    /// Reports whether the request has a cookie.
    pub(crate) fn has_cookie(&self) -> bool {
        self.headers.contains_key("cookie")
    }

    /// Reports whether the request is for projects, tokens or the ping, and not for the
    /// distribution API.
    pub(crate) fn is_control(&self) -> bool {
        self.path.starts_with("/api/v2.0/") || self.path == "/service/token"
    }

    /// Returns the other repository that the request asks for a mount from.
    pub(crate) fn mounts_from(&self) -> Option<String> {
        let from = self.parameters("from").next().filter(|_| self.method == "POST")?;
        (self.path != format!("/v2/{from}/blobs/uploads/")).then_some(from)
    }

    /// Reports whether the request shows the right user name and password.
    pub(super) fn is_user(&self) -> bool {
        let pair = format!("{USER}:{PASSWORD}");
        let right = base64::engine::general_purpose::STANDARD.encode(pair);
        self.headers.get("authorization").is_some_and(|value| *value == format!("Basic {right}"))
    }

    /// Reports whether the request changes something.
    pub(super) fn changes(&self) -> bool {
        !["GET", "HEAD"].contains(&self.method.as_str())
    }

    /// Returns the scopes of a token request.
    pub(crate) fn scopes(&self) -> Vec<String> {
        self.parameters("scope").collect()
    }

    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        url::form_urlencoded::parse(self.query.as_bytes())
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }
}

/// A generated response. Upstream responses are forwarded unchanged.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        let errors = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Self::new(status, errors.to_string()).with("content-type", "application/json")
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Reads a request with its body.
pub(super) fn read(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
            reader.by_ref().take(size).read_to_end(&mut body)?;
            // Skips the line ending after the chunk, or the empty line after the last chunk.
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length").and_then(|text| text.parse().ok()) {
        reader.by_ref().take(length).read_to_end(&mut body)?;
    }
    Ok(Asked { method, path: path.to_owned(), query: query.to_owned(), headers, body })
}
