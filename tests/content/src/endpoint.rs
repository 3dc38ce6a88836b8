//! A registry client that is independent of longshore.
//!
//! It speaks plain HTTP only, sends one request at a time and does not retry. The results of a test
//! must not depend on the code under test.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::bytes::digest;
use crate::content::{Blob, Content};
use crate::walk::{self, Reader};

/// All types of manifests, so that the registry returns what it stores.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*";

/// Explains why a request to a registry failed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There was no response, or it was not HTTP.
    #[error("{request}: {source}")]
    Unanswered {
        /// Method and URL.
        request: String,
        /// The error of the client.
        source: Box<ureq::Error>,
    },
    /// The specification does not allow this response.
    #[error("{request}: answered {status}: {body}")]
    Refused {
        /// Method and URL.
        request: String,
        /// The status of the response.
        status: u16,
        /// The body of the response.
        body: String,
    },
    /// The response to an opened upload has no location.
    #[error("{request}: an upload without a location")]
    NoLocation {
        /// Method and URL.
        request: String,
    },
    /// The response is not a list of referrers.
    #[error("{request}: {source}")]
    NoReferrers {
        /// Method and URL.
        request: String,
        /// The error of the parser.
        source: serde_json::Error,
    },
    /// The response is not a list of tags.
    #[error("{request}: {source}")]
    NoTags {
        /// Method and URL.
        request: String,
        /// The error of the parser.
        source: serde_json::Error,
    },
}

/// A manifest as served by a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The content type, without parameters.
    pub media_type: String,
    /// The digest that the client computed from the bytes.
    pub digest: String,
    /// The value of `Docker-Content-Digest`, if present.
    pub announced: Option<String>,
    /// The bytes of the manifest.
    pub bytes: Vec<u8>,
}

/// A registry, named as in a reference: `127.0.0.1:5000`.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: String,
    authorization: Option<String>,
    agent: Agent,
}

impl Endpoint {
    /// Creates a client for the registry at `host:port`.
    #[must_use]
    pub fn new(address: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_mins(1)))
            .build()
            .into();
        Self { address: address.to_owned(), authorization: None, agent }
    }

    /// Sends this user name and password with every request.
    #[must_use]
    pub fn with_basic(mut self, user: &str, password: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(format!("Basic {pair}"));
        self
    }

    /// Returns `host:port`, as in a reference.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reports whether the registry responds at `/v2/`, with any status.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.call("GET", &self.url("")).is_ok()
    }

    /// Pushes the blobs, then the children by digest, then the manifest under a tag or digest.
    ///
    /// # Errors
    /// Fails at the first response that violates the specification.
    pub fn push(
        &self,
        repository: &str,
        reference: &str,
        content: &Content,
    ) -> Result<(), EndpointError> {
        self.push_below(repository, content, &mut BTreeSet::new())?;
        self.push_manifest(repository, reference, content.media_type(), content.bytes())
    }

    fn push_below<'a>(
        &self,
        repository: &str,
        content: &'a Content,
        pushed: &mut BTreeSet<&'a str>,
    ) -> Result<(), EndpointError> {
        for blob in content.blobs() {
            if pushed.insert(blob.digest()) {
                self.push_blob(repository, blob)?;
            }
        }
        for child in content.children() {
            if pushed.insert(child.digest()) {
                self.push_below(repository, child, pushed)?;
                let (digest, bytes) = (child.digest(), child.bytes());
                self.push_manifest(repository, digest, child.media_type(), bytes)?;
            }
        }
        Ok(())
    }

    /// Opens an upload and returns its location as an absolute URL.
    ///
    /// # Errors
    /// Fails if the registry does not respond with 202 and a location.
    pub fn open_upload(&self, repository: &str) -> Result<String, EndpointError> {
        let open = self.url(&format!("{repository}/blobs/uploads/"));
        let opened = expect(self.send("POST", &open, None, &[])?, 202, "POST", &open)?;
        let location = header(&opened, "location")
            .ok_or_else(|| EndpointError::NoLocation { request: format!("POST {open}") })?;
        Ok(match location.starts_with('/') {
            true => format!("http://{}{location}", self.address),
            false => location,
        })
    }

    /// Uploads a blob in one request.
    ///
    /// # Errors
    /// Fails at the first response that violates the specification.
    pub fn push_blob(&self, repository: &str, blob: &Blob) -> Result<(), EndpointError> {
        let location = self.open_upload(repository)?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let close = format!("{location}{separator}digest={}", blob.digest());
        let closed = self.send("PUT", &close, Some("application/octet-stream"), blob.bytes())?;
        expect(closed, 201, "PUT", &close).map(drop)
    }

    /// Pushes a manifest under a tag or digest.
    ///
    /// # Errors
    /// Fails if the registry does not respond with 201.
    pub fn push_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), EndpointError> {
        let url = self.url(&format!("{repository}/manifests/{reference}"));
        let answer = self.send("PUT", &url, Some(media_type), bytes)?;
        expect(answer, 201, "PUT", &url).map(drop)
    }

    /// Fetches a manifest by tag or digest. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// Fails if the registry responds with neither 200 nor 404.
    pub fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Fetched>, EndpointError> {
        let url = self.url(&format!("{repository}/manifests/{reference}"));
        let Some(mut answer) = found(self.call("GET", &url)?, &url)? else {
            return Ok(None);
        };
        let content_type = header(&answer, "content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let announced = header(&answer, "docker-content-digest");
        let bytes = read(&mut answer, &url)?;
        Ok(Some(Fetched { media_type, digest: digest(&bytes), announced, bytes }))
    }

    /// Fetches a blob. Returns `None` if it does not exist.
    ///
    /// # Errors
    /// Fails if the registry responds with neither 200 nor 404.
    pub fn blob(&self, repository: &str, digest: &str) -> Result<Option<Vec<u8>>, EndpointError> {
        let url = self.url(&format!("{repository}/blobs/{digest}"));
        let Some(mut answer) = found(self.call("GET", &url)?, &url)? else {
            return Ok(None);
        };
        read(&mut answer, &url).map(Some)
    }

    /// Deletes a blob, if the registry allows it.
    ///
    /// # Errors
    /// Fails if the registry does not respond with 202.
    pub fn delete_blob(&self, repository: &str, digest: &str) -> Result<(), EndpointError> {
        let url = self.url(&format!("{repository}/blobs/{digest}"));
        expect(self.call("DELETE", &url)?, 202, "DELETE", &url).map(drop)
    }

    /// Lists the tags of a repository; empty if the repository does not exist.
    ///
    /// # Errors
    /// Fails if the response is not a list of tags.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>, EndpointError> {
        let url = self.url(&format!("{repository}/tags/list"));
        let Some(mut answer) = found(self.call("GET", &url)?, &url)? else {
            return Ok(Vec::new());
        };
        let body = read(&mut answer, &url)?;
        let document: Value = serde_json::from_slice(&body)
            .map_err(|source| EndpointError::NoTags { request: format!("GET {url}"), source })?;
        let tags = document["tags"].as_array().into_iter().flatten();
        Ok(tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect())
    }

    /// Lists the digests of referrers through the API. Returns `None` if the registry has no such
    /// API.
    ///
    /// # Errors
    /// Fails if the response is not a list of referrers.
    pub fn referrers(
        &self,
        repository: &str,
        subject: &str,
    ) -> Result<Option<Vec<String>>, EndpointError> {
        let url = self.url(&format!("{repository}/referrers/{subject}"));
        let Some(mut answer) = found(self.call("GET", &url)?, &url)? else {
            return Ok(None);
        };
        let body = read(&mut answer, &url)?;
        let document: Value = serde_json::from_slice(&body).map_err(|source| {
            EndpointError::NoReferrers { request: format!("GET {url}"), source }
        })?;
        let manifests = document["manifests"].as_array().into_iter().flatten();
        Ok(Some(manifests.filter_map(|one| one["digest"].as_str().map(str::to_owned)).collect()))
    }

    /// Checks everything below a tag or digest. Returns a line for each manifest or blob that is
    /// missing or has the wrong digest. Returns nothing if the content is complete.
    ///
    /// # Errors
    /// Fails if the registry responds with neither 200 nor 404.
    pub fn broken(&self, repository: &str, reference: &str) -> Result<Vec<String>, EndpointError> {
        walk::broken(self, repository, reference)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.address)
    }

    /// Sends a request without a body.
    fn call(&self, method: &str, url: &str) -> Result<Response<Body>, EndpointError> {
        let mut request = Request::builder().method(method).uri(url).header("accept", ACCEPT);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let sent = request.body(()).map_err(ureq::Error::from);
        sent.and_then(|request| self.agent.run(request)).map_err(unanswered(method, url))
    }

    /// Sends a request with a body, which may be empty.
    fn send(
        &self,
        method: &str,
        url: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Response<Body>, EndpointError> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let sent = request.body(body).map_err(ureq::Error::from);
        sent.and_then(|request| self.agent.run(request)).map_err(unanswered(method, url))
    }
}

impl Reader for Endpoint {
    type Error = EndpointError;

    fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Fetched>, EndpointError> {
        self.manifest(repository, reference)
    }

    fn blob(&self, repository: &str, digest: &str) -> Result<Option<Vec<u8>>, EndpointError> {
        self.blob(repository, digest)
    }
}

fn unanswered(method: &str, url: &str) -> impl FnOnce(ureq::Error) -> EndpointError {
    let request = format!("{method} {url}");
    move |source| EndpointError::Unanswered { request, source: Box::new(source) }
}

fn header(answer: &Response<Body>, name: &str) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn read(answer: &mut Response<Body>, url: &str) -> Result<Vec<u8>, EndpointError> {
    let body = answer.body_mut().with_config().limit(u64::MAX);
    body.read_to_vec().map_err(unanswered("GET", url))
}

/// Converts the response to a GET: found, not found, or an error.
fn found(answer: Response<Body>, url: &str) -> Result<Option<Response<Body>>, EndpointError> {
    if answer.status() == 404 {
        return Ok(None);
    }
    expect(answer, 200, "GET", url).map(Some)
}

fn expect(
    mut answer: Response<Body>,
    wanted: u16,
    method: &str,
    url: &str,
) -> Result<Response<Body>, EndpointError> {
    let status = answer.status().as_u16();
    if status == wanted {
        return Ok(answer);
    }
    let body = answer.body_mut().read_to_string().unwrap_or_default();
    Err(EndpointError::Refused { request: format!("{method} {url}"), status, body })
}
