//! Upload sessions, and uploads as one body (distribution-spec, "Pushing blobs").

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::auth::token::RepositoryScope;
use crate::content::manifest::content_digest;
use crate::error::Failed as _;
use crate::http::connection::Purpose;
use crate::http::location::{Location, location};
use crate::limits::window::Class;
use crate::request::Call;
use crate::upload::stall::{Moved, StallTimeouts, stalled};
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Descriptor, Digest, Repository};
use longshore_store::Operation;

/// The minimum chunk size (distribution-spec, "Pushing a blob in chunks").
const CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// An open upload session at a registry.
#[derive(Clone, Debug)]
pub(crate) struct UploadSession {
    pub(crate) at: Location,
    /// The minimum chunk size that the registry asks for, in bytes.
    pub(crate) chunk_min_length: Option<u64>,
}

/// The result of starting an upload.
#[derive(Debug)]
pub(crate) enum UploadStart {
    /// The blob was mounted, or existed before.
    Present,
    /// A session to upload into.
    Session(UploadSession),
}

impl Client {
    pub(crate) fn upload_operation(
        &self,
        verb: &'static str,
        repository: &Repository,
        what: &str,
    ) -> Operation {
        Operation::new(verb, format!("{what} to {}/{repository}", self.registry))
    }

    /// Makes a request within a session; the caller holds the permit.
    pub(crate) fn session_call(
        &self,
        operation: Operation,
        method: Method,
        at: Location,
        repository: &Repository,
        size: u64,
    ) -> Call {
        let scope =
            RepositoryScope { repository: repository.clone(), push: true, mount_from: None };
        let mut call = Call::new(operation, method, at.url, scope, Class::of_blob(size));
        call.from = at.from;
        call.purpose = Purpose::Blob;
        call.admitted = true;
        call
    }

    /// Opens an upload session unless `repository` holds the blob already.
    ///
    /// Most registries answer a mount from the repository itself with 201 if the blob exists, else
    /// with the session that is needed anyway. The others are probed by HEAD first. The caller
    /// holds the permit.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer without a usable location.
    pub(crate) async fn probe_upload(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<UploadStart, RegistryError> {
        let digest = &blob.digest;
        if self.capabilities().mount_from_self && self.probe.by_mount() {
            match self.start(repository, digest, Some(repository), Some(blob.size)).await {
                Err(error) if matches!(error.cause.status(), Some(400 | 404 | 405)) => {
                    tracing::debug!("{error}");
                    self.probe.settle(false);
                }
                start => return start,
            }
        }
        if self.has_blob(repository, blob).await? {
            return Ok(UploadStart::Present);
        }
        self.start_upload(repository, blob).await
    }

    /// Tests after a run's first upload whether a mount from the repository itself reports the
    /// blob.
    ///
    /// If not, the registry is probed by HEAD from now on.
    pub(crate) async fn calibrate(&self, repository: &Repository, digest: &Digest) {
        if !self.capabilities().mount_from_self || !self.probe.begin() {
            return;
        }
        match self.start(repository, digest, Some(repository), None).await {
            Ok(UploadStart::Present) => self.probe.settle(true),
            Ok(UploadStart::Session(session)) => {
                self.probe.settle(false);
                self.cancel_upload(session, repository).await;
            }
            Err(error) => {
                tracing::debug!("{error}");
                match error.cause.status() {
                    Some(400..=407 | 409..=428) => self.probe.settle(false),
                    _ => self.probe.give_up(),
                }
            }
        }
    }

    /// Opens an upload session for `blob` in `repository`.
    ///
    /// There is no retry here: a failed upload restarts from this point anyway. The caller holds
    /// the permit.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer without a usable location.
    pub(crate) async fn start_upload(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<UploadStart, RegistryError> {
        self.start(repository, &blob.digest, None, Some(blob.size)).await
    }

    /// Starts an upload; `admitted` is the blob's size if the caller holds its permit.
    pub(crate) async fn start(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: Option<&Repository>,
        admitted: Option<u64>,
    ) -> Result<UploadStart, RegistryError> {
        let mounts = from.is_some_and(|from| from != repository);
        let verb = if mounts { "mount blob" } else { "push blob" };
        let operation = self.upload_operation(verb, repository, &digest.to_string());
        let failed = |cause: Cause| operation.clone().failed(cause);
        let mut url = self.url(&format!("{repository}/blobs/uploads/")).await.map_err(failed)?;
        if let Some(from) = from {
            url.query_pairs_mut()
                .append_pair("mount", &digest.to_string())
                .append_pair("from", from.as_str());
        }
        let mount_from = from.filter(|_| mounts).cloned();
        let scope = RepositoryScope { repository: repository.clone(), push: true, mount_from };
        let class = admitted.map_or(Class::UploadStart, Class::of_blob);
        let mut call = Call::new(operation.clone(), Method::POST, url.clone(), scope, class)
            .header(CONTENT_LENGTH, HeaderValue::from(0));
        // The connection that opens the session also carries the upload.
        call.purpose = Purpose::Blob;
        call.admitted = admitted.is_some();
        // A mount that lacks a right is not worth a token renewal: the upload does not need that
        // right.
        call.renews = !mounts;
        let response = self.send_once(&call).await.map_err(failed)?;
        if from.is_some() && response.status() == StatusCode::CREATED {
            return Ok(UploadStart::Present);
        }
        self.session_of(&response, &url).await.map(UploadStart::Session).map_err(failed)
    }

    pub(crate) async fn session_of(
        &self,
        response: &Response,
        from: &Url,
    ) -> Result<UploadSession, Cause> {
        let base = self.base().await?;
        let least = response.headers().get(CHUNK_MIN_LENGTH);
        let chunk_min_length =
            least.and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse().ok());
        Ok(UploadSession {
            at: location(response, from, &base.url, &base.connections).await?,
            chunk_min_length,
        })
    }

    /// Uploads the whole blob as one body.
    ///
    /// `moved` counts the bytes handed over, so that a stalled body is noticed. The caller holds
    /// the permit.
    ///
    /// # Errors
    /// A refusal, or a connection that broke or stalled; the session is lost then.
    pub(crate) async fn upload(
        &self,
        session: UploadSession,
        repository: &Repository,
        blob: &Descriptor,
        body: reqwest::Body,
        moved: Arc<Moved>,
    ) -> Result<(), RegistryError> {
        let at = closing(session.at, &blob.digest);
        let operation = self.upload_operation("push blob", repository, &blob.digest.to_string());
        let call = self
            .session_call(operation.clone(), Method::PUT, at, repository, blob.size)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(CONTENT_LENGTH, HeaderValue::from(blob.size));
        let watch = stalled(moved, blob.size, StallTimeouts::of(blob.size));
        let began = Instant::now();
        match self.send_stream(call, body, watch).await {
            Ok(response) => {
                check_stored(&response, blob).map_err(|cause| operation.failed(cause))?;
                self.observed.accepted_body(blob.size);
                self.tokens.cost.upload_took(blob.size, began.elapsed());
                Ok(())
            }
            Err(cause) => Err(operation.failed(cause)),
        }
    }

    /// Cancels an upload, so that the registry can free it. Errors are only logged.
    pub(crate) async fn cancel_upload(&self, session: UploadSession, repository: &Repository) {
        let operation = self.upload_operation("cancel upload", repository, "what was begun");
        let ask = async |method: Method, at: &Location| {
            let operation = operation.clone();
            let mut call = self.session_call(operation, method, at.clone(), repository, 0);
            call.patience = Duration::from_secs(5);
            self.send_once(&call).await
        };
        let cancelled = match ask(Method::DELETE, &session.at).await {
            // A broken body changed the session's location (distribution 3).
            Err(cause) if cause.status() == Some(416) => {
                let moved = async {
                    let status = ask(Method::GET, &session.at).await?;
                    self.session_of(&status, &session.at.url).await
                };
                match moved.await {
                    Ok(moved) => ask(Method::DELETE, &moved.at).await,
                    Err(cause) => Err(cause),
                }
            }
            cancelled => cancelled,
        };
        if let Err(cause) = cancelled {
            tracing::debug!("{operation}: {cause}");
        }
    }
}

/// Checks that a registry which says what it stored has stored the blob.
///
/// # Errors
/// If it names another digest of the same algorithm.
pub(crate) fn check_stored(response: &Response, blob: &Descriptor) -> Result<(), Cause> {
    match content_digest(response.headers()) {
        Some(found) if found.algorithm() == blob.digest.algorithm() && found != blob.digest => {
            Err(Cause::Digest { expected: blob.digest.clone(), found })
        }
        _ => Ok(()),
    }
}

/// The location that closes a session.
pub(crate) fn closing(mut session: Location, digest: &Digest) -> Location {
    session.url.query_pairs_mut().append_pair("digest", &digest.to_string());
    session
}
