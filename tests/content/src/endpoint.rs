//! A registry seen by a client that is not longshore.
//!
//! It speaks plain HTTP only, does one request at a time and retries nothing: what a test pushes or
//! reads here must not depend on the code under test.

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body};

use crate::bytes::digest;
use crate::content::{Blob, Content};

/// Every kind of manifest that there is, so that a registry hands out what it holds.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, */*";

/// Why a registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The request got no answer, or none that is HTTP.
    #[error("{request}: {source}")]
    Unanswered {
        /// Method and URL.
        request: String,
        /// What the client says.
        source: Box<ureq::Error>,
    },
    /// The answer was another one than the specification's.
    #[error("{request}: answered {status}: {body}")]
    Refused {
        /// Method and URL.
        request: String,
        /// The status of the answer.
        status: u16,
        /// The text that came with it.
        body: String,
    },
    /// An upload was opened, and the answer does not say where.
    #[error("{request}: an upload without a location")]
    NoLocation {
        /// Method and URL.
        request: String,
    },
    /// What should be a list of referrers is something else.
    #[error("{request}: {source}")]
    NoReferrers {
        /// Method and URL.
        request: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// What should be a list of tags is something else.
    #[error("{request}: {source}")]
    NoTags {
        /// Method and URL.
        request: String,
        /// What the parser says.
        source: serde_json::Error,
    },
}

/// A manifest as a registry serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The content type, without parameters.
    pub media_type: String,
    /// The digest of the bytes, computed here.
    pub digest: String,
    /// What `Docker-Content-Digest` says, if it is there.
    pub announced: Option<String>,
    /// The manifest.
    pub bytes: Vec<u8>,
}

/// One registry, named as in a reference: `127.0.0.1:5000`.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: String,
    authorization: Option<String>,
    agent: Agent,
}

impl Endpoint {
    /// The registry at `host:port`.
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

    /// Sends this user and password with every request.
    #[must_use]
    pub fn with_basic(mut self, user: &str, password: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(format!("Basic {pair}"));
        self
    }

    /// `host:port`, as in a reference.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether something answers at `/v2/`, whatever it says.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.call("GET", &self.url("")).is_ok()
    }

    /// Pushes blobs, then children by digest, then the manifest itself under a tag or digest.
    ///
    /// # Errors
    /// The first request that the registry does not answer as the specification says.
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

    /// Opens an upload; where it goes on, as an absolute URL.
    ///
    /// # Errors
    /// The registry gives no answer, or another one than 202 with a location.
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

    /// Uploads a blob in one piece.
    ///
    /// # Errors
    /// The first request that the registry does not answer as the specification says.
    pub fn push_blob(&self, repository: &str, blob: &Blob) -> Result<(), EndpointError> {
        let location = self.open_upload(repository)?;
        let separator = if location.contains('?') { '&' } else { '?' };
        let close = format!("{location}{separator}digest={}", blob.digest());
        let closed = self.send("PUT", &close, Some("application/octet-stream"), blob.bytes())?;
        expect(closed, 201, "PUT", &close).map(drop)
    }

    /// Puts a manifest under a tag or digest.
    ///
    /// # Errors
    /// The registry gives no answer, or another one than 201.
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

    /// Gets a manifest by tag or digest; `None` if the registry has none.
    ///
    /// # Errors
    /// The registry gives no answer, or one that is neither 200 nor 404.
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

    /// Gets a blob; `None` if the registry has none.
    ///
    /// # Errors
    /// The registry gives no answer, or one that is neither 200 nor 404.
    pub fn blob(&self, repository: &str, digest: &str) -> Result<Option<Vec<u8>>, EndpointError> {
        let url = self.url(&format!("{repository}/blobs/{digest}"));
        let Some(mut answer) = found(self.call("GET", &url)?, &url)? else {
            return Ok(None);
        };
        read(&mut answer, &url).map(Some)
    }

    /// Deletes a blob, where the registry allows it.
    ///
    /// # Errors
    /// The registry gives no answer, or another one than 202.
    pub fn delete_blob(&self, repository: &str, digest: &str) -> Result<(), EndpointError> {
        let url = self.url(&format!("{repository}/blobs/{digest}"));
        expect(self.call("DELETE", &url)?, 202, "DELETE", &url).map(drop)
    }

    /// The tags of a repository; none if there is no such repository.
    ///
    /// # Errors
    /// The registry gives no answer, or one that is no list of tags.
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

    /// The digests of what refers to a manifest, by the registry's API; `None` if it has none.
    ///
    /// # Errors
    /// The registry gives no answer, or one that is no list of referrers.
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

    /// What is missing or wrong below a tag or digest: a line for each manifest or blob that cannot
    /// be read or whose bytes have another digest. Nothing, if all of it is there.
    ///
    /// # Errors
    /// The registry gives no answer, or one that is neither 200 nor 404.
    pub fn broken(&self, repository: &str, reference: &str) -> Result<Vec<String>, EndpointError> {
        let mut findings = Vec::new();
        self.walk(repository, reference, &mut BTreeSet::new(), &mut findings)?;
        Ok(findings)
    }

    fn walk(
        &self,
        repository: &str,
        reference: &str,
        seen: &mut BTreeSet<String>,
        findings: &mut Vec<String>,
    ) -> Result<(), EndpointError> {
        let Some(fetched) = self.manifest(repository, reference)? else {
            findings.push(format!("{repository}: manifest {reference} is missing"));
            return Ok(());
        };
        if reference.contains(':') && fetched.digest != reference {
            findings.push(format!("{repository}: manifest {reference} is {}", fetched.digest));
        }
        let Ok(document) = serde_json::from_slice::<Value>(&fetched.bytes) else {
            findings.push(format!("{repository}: manifest {reference} is no JSON"));
            return Ok(());
        };
        let named = |value: &Value| value["digest"].as_str().map(str::to_owned);
        for child in document["manifests"].as_array().into_iter().flatten().filter_map(named) {
            if seen.insert(child.clone()) {
                self.walk(repository, &child, seen, findings)?;
            }
        }
        let layers = document["layers"].as_array().into_iter().flatten();
        let pushed = layers.filter(|layer| layer.get("urls").is_none());
        for name in named(&document["config"]).into_iter().chain(pushed.filter_map(named)) {
            if !seen.insert(name.clone()) {
                continue;
            }
            match self.blob(repository, &name)?.map(|bytes| digest(&bytes)) {
                None => findings.push(format!("{repository}: blob {name} is missing")),
                Some(actual) if actual != name => {
                    findings.push(format!("{repository}: blob {name} is {actual}"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.address)
    }

    /// A request without a body.
    fn call(&self, method: &str, url: &str) -> Result<Response<Body>, EndpointError> {
        let mut request = Request::builder().method(method).uri(url).header("accept", ACCEPT);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let sent = request.body(()).map_err(ureq::Error::from);
        sent.and_then(|request| self.agent.run(request)).map_err(unanswered(method, url))
    }

    /// A request with a body, which may be empty.
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

/// The answer to a GET: there, not there, or an error.
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
