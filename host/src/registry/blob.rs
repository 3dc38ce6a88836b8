//! Blobs: HEAD, GET, mount and upload (distribution-spec, "Pulling blobs", "Pushing blobs").

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::connection::{Purpose, SILENCE, next_chunk};
use super::request::{Call, location, read_bounded};
use super::retry::Waits;
use super::token::Scope;
use super::{Cause, Client, Operation, RegistryError};
use crate::oci::{Descriptor, Digest, Repository};

/// A registry may take so long to commit an upload, and a second more for each 20 MB.
const COMMIT: Duration = Duration::from_secs(120);
/// Pull-through caches fetch a blob before they answer.
const BLOB_HEADERS: Duration = Duration::from_secs(300);

/// A blob as it arrives.
#[derive(Debug)]
pub struct BlobStream {
    response: reqwest::Response,
    operation: Operation,
}

impl BlobStream {
    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// Where the connection breaks or is silent for a minute.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        let chunk = next_chunk(&mut self.response).await;
        chunk.map_err(|cause| self.operation.clone().failed(cause))
    }

    /// What is being done, for errors about the content.
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }
}

/// An open upload at a registry.
#[derive(Debug)]
pub struct UploadSession(Url);

/// What came of asking for an upload.
#[derive(Debug)]
pub enum UploadStart {
    /// The blob is there: it was mounted, or had been there before.
    Present,
    /// A session to upload into.
    Session(UploadSession),
}

impl Client {
    pub(super) async fn blob_call(
        &self,
        verb: &'static str,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        push: bool,
    ) -> Result<Call, RegistryError> {
        let operation = Operation::new(verb, format!("{digest} of {}/{repository}", self.registry));
        let url = match self.url(&format!("{repository}/blobs/{digest}")).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        let scope = Scope { repository: repository.clone(), push, mount_from: None };
        let mut call = Call::new(operation, method, url, scope);
        call.purpose = Purpose::Blob;
        call.patience = BLOB_HEADERS;
        Ok(call)
    }

    /// Is the blob there? A refusal counts as no: the upload decides.
    ///
    /// # Errors
    /// Where the registry cannot be reached or keeps failing.
    pub async fn has_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, RegistryError> {
        let call = self.blob_call("look up blob", Method::HEAD, repository, digest, true).await?;
        match self.send(&call).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.cause.status(), Some(400..=428)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a blob for reading, with a single try: whoever reads has to try again anyway where the
    /// body breaks off. Its announced length must be the descriptor's.
    ///
    /// # Errors
    /// A refusal, no answer, or another length.
    pub async fn blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<BlobStream, RegistryError> {
        let call =
            self.blob_call("fetch blob", Method::GET, repository, &blob.digest, false).await?;
        let opened = match self.send_once(&call).await {
            Ok(response) => with_length(response, blob.size),
            Err(cause) => Err(cause),
        };
        match opened {
            Ok(response) => Ok(BlobStream { response, operation: call.operation }),
            Err(cause) => Err(call.operation.failed(cause)),
        }
    }

    /// Reads a small blob into memory and verifies it; `limit` bounds its size in bytes.
    ///
    /// # Errors
    /// A refusal, no answer, another length or digest, or a size above `limit`.
    pub async fn small_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, RegistryError> {
        let call =
            self.blob_call("fetch blob", Method::GET, repository, &blob.digest, false).await?;
        let mut waits = Waits::new();
        loop {
            match self.read_blob(&call, blob, limit).await {
                Ok(bytes) => return Ok(bytes),
                Err(cause) => waits.sit_out(call.operation.clone().failed(cause)).await?,
            }
        }
    }

    async fn read_blob(&self, call: &Call, blob: &Descriptor, limit: u64) -> Result<Bytes, Cause> {
        let response = with_length(self.send_once(call).await?, blob.size)?;
        let bytes = read_bounded(response, limit.min(blob.size)).await?;
        let found = blob.digest.same_algorithm_of(&bytes);
        if found == blob.digest {
            return Ok(bytes);
        }
        Err(Cause::Digest { expected: blob.digest.clone(), found })
    }

    /// Opens an upload of `digest` into `repository`, with a single try, as the upload that follows
    /// has to be tried again from here; `from` offers a repository of this registry to mount it from.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer without a usable location.
    pub async fn start_upload(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: Option<&Repository>,
    ) -> Result<UploadStart, RegistryError> {
        let verb = if from.is_some() { "mount blob" } else { "push blob" };
        let operation = Operation::new(verb, format!("{digest} to {}/{repository}", self.registry));
        let failed = |cause: Cause| operation.clone().failed(cause);
        let mut url = self.url(&format!("{repository}/blobs/uploads/")).await.map_err(failed)?;
        if let Some(from) = from {
            url.query_pairs_mut()
                .append_pair("mount", &digest.to_string())
                .append_pair("from", from.as_str());
        }
        let mount_from = from.filter(|from| *from != repository).cloned();
        let scope = Scope { repository: repository.clone(), push: true, mount_from };
        let mut call = Call::new(operation.clone(), Method::POST, url.clone(), scope)
            .header(CONTENT_LENGTH, HeaderValue::from(0));
        // The connection that opens the session carries the upload next.
        call.purpose = Purpose::Blob;
        let response = self.send_once(&call).await.map_err(failed)?;
        if from.is_some() && response.status() == StatusCode::CREATED {
            return Ok(UploadStart::Present);
        }
        let base = self.base().await.map_err(failed)?;
        let session = location(&response, &url, &base.url).map_err(failed)?;
        Ok(UploadStart::Session(UploadSession(session)))
    }

    /// Uploads the whole blob as one body. `moved` counts the bytes that were handed over, so that
    /// a body that stops moving is noticed.
    ///
    /// # Errors
    /// A refusal, or a connection that broke or stopped; the session is lost then.
    pub async fn upload(
        &self,
        session: UploadSession,
        repository: &Repository,
        blob: &Descriptor,
        body: reqwest::Body,
        moved: Arc<AtomicU64>,
    ) -> Result<(), RegistryError> {
        let operation = Operation::new(
            "push blob",
            format!("{} to {}/{repository}", blob.digest, self.registry),
        );
        let mut url = session.0;
        url.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let scope = Scope { repository: repository.clone(), push: true, mount_from: None };
        let call = Call::new(operation.clone(), Method::PUT, url, scope)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(CONTENT_LENGTH, HeaderValue::from(blob.size));
        let commit = COMMIT + Duration::from_secs(blob.size / 20_000_000);
        let patience = Patience { silence: SILENCE, commit };
        match self.send_stream(call, body, stalled(moved, blob.size, patience)).await {
            Ok(_) => Ok(()),
            Err(cause) => Err(operation.failed(cause)),
        }
    }

    /// Gives an upload up, so that the registry can forget it. Whether that works does not matter.
    pub async fn cancel_upload(&self, session: UploadSession, repository: &Repository) {
        let operation =
            Operation::new("cancel upload", format!("to {}/{repository}", self.registry));
        let scope = Scope { repository: repository.clone(), push: true, mount_from: None };
        let mut call = Call::new(operation, Method::DELETE, session.0, scope);
        call.purpose = Purpose::Blob;
        call.patience = Duration::from_secs(5);
        if let Err(error) = self.send(&call).await {
            tracing::debug!("{error}");
        }
    }
}

/// The answer, if it announces no other length than `size`.
fn with_length(response: reqwest::Response, size: u64) -> Result<reqwest::Response, Cause> {
    match response.content_length() {
        Some(found) if found != size => Err(Cause::Size { expected: size, found }),
        _ => Ok(response),
    }
}

/// How long an upload may stand still.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// While bytes are due.
    silence: Duration,
    /// When all bytes went out and the registry commits them.
    commit: Duration,
}

/// Ends, with the seconds waited, when no byte moved for too long, or when all bytes went out and
/// the registry took longer than it may to commit them.
async fn stalled(moved: Arc<AtomicU64>, size: u64, patience: Patience) -> u64 {
    let mut last = moved.load(Ordering::Relaxed);
    loop {
        let wait = if last >= size { patience.commit } else { patience.silence };
        tokio::time::sleep(wait).await;
        let now = moved.load(Ordering::Relaxed);
        if now == last {
            return wait.as_secs();
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{Patience, stalled};

    #[tokio::test]
    async fn a_body_that_stops_is_noticed() {
        let patience =
            Patience { silence: Duration::from_millis(20), commit: Duration::from_secs(3600) };
        let moved = Arc::new(AtomicU64::new(5));
        assert_eq!(stalled(Arc::clone(&moved), 10, patience).await, 0);
        moved.store(10, Ordering::Relaxed);
        let committing = stalled(moved, 10, patience);
        let soon = tokio::time::timeout(Duration::from_millis(60), committing).await;
        assert!(soon.is_err(), "a registry that commits is given its own time");
    }
}
