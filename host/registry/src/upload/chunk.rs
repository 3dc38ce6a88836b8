//! Uploads in chunks (distribution-spec, "Pushing a blob in chunks").

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};

use crate::error::Failed as _;
use crate::secret::known::{Origin, masked};
use crate::upload::session::{UploadSession, check_stored, closing};
use crate::upload::stall::{Moved, StallTimeouts, commit, stalled};
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Descriptor, Repository};

/// One chunk of a blob.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The chunk's offset in the blob, in bytes.
    pub(crate) offset: u64,
    /// The chunk's length in bytes, at least one.
    pub(crate) length: u64,
    /// The chunk's bytes.
    pub(crate) body: reqwest::Body,
    /// Counts bytes as they are handed over.
    pub(crate) moved: Arc<Moved>,
}

impl Client {
    /// Sends one chunk, and returns the session's next state.
    ///
    /// The caller holds the permit.
    ///
    /// # Errors
    /// A refusal, or a connection that broke or stalled.
    pub(crate) async fn upload_chunk(
        &self,
        session: &UploadSession,
        repository: &Repository,
        blob: &Descriptor,
        chunk: Chunk,
    ) -> Result<UploadSession, RegistryError> {
        let Chunk { offset, length, body, moved } = chunk;
        let operation = self.upload_operation("push blob", repository, &blob.digest.to_string());
        let failed = |cause: Cause| operation.clone().failed(cause);
        // The specification writes this header without the unit of RFC 9110.
        let range = HeaderValue::try_from(format!("{offset}-{}", offset + length - 1))
            .unwrap_or_else(|_| HeaderValue::from_static("0-0"));
        let call = self
            .session_call(
                operation.clone(),
                Method::PATCH,
                session.at.clone(),
                repository,
                blob.size,
            )
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .header(CONTENT_LENGTH, HeaderValue::from(length))
            .header(CONTENT_RANGE, range);
        let watch = stalled(moved, length, StallTimeouts::of(length));
        let response = self.send_stream(call, body, watch).await.map_err(failed)?;
        self.observed.took_chunk();
        self.session_of(&response, &session.at.url).await.map_err(failed)
    }

    /// Closes an upload after its last chunk. The caller holds the permit.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub(crate) async fn close_upload(
        &self,
        session: UploadSession,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<(), RegistryError> {
        let at = closing(session.at, &blob.digest);
        let operation = self.upload_operation("push blob", repository, &blob.digest.to_string());
        let mut call = self
            .session_call(operation.clone(), Method::PUT, at, repository, blob.size)
            .header(CONTENT_LENGTH, HeaderValue::from(0));
        call.patience = commit(blob.size);
        let stored = self.send_once(&call).await;
        let stored = stored.and_then(|response| check_stored(&response, blob));
        stored.map_err(|cause| operation.failed(cause))
    }

    /// Asks how many bytes of an upload the registry has, and returns the session's next state too.
    ///
    /// # Errors
    /// If the session is gone, or the answer has no usable range.
    pub(crate) async fn upload_status(
        &self,
        session: &UploadSession,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<(UploadSession, u64), RegistryError> {
        let operation =
            self.upload_operation("look up upload", repository, &blob.digest.to_string());
        let failed = |cause: Cause| operation.clone().failed(cause);
        let call = self.session_call(
            operation.clone(),
            Method::GET,
            session.at.clone(),
            repository,
            blob.size,
        );
        let response = self.send_once(&call).await.map_err(failed)?;
        let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok());
        let offset = range.and_then(offset_after).ok_or_else(|| {
            let answered = masked(range.unwrap_or_default(), Origin::Answer).into_owned();
            failed(Cause::Range { offset: 0, answered })
        })?;
        let session = self.session_of(&response, &session.at.url).await.map_err(failed)?;
        Ok((session, offset))
    }

    /// The chunk size for a blob of `size` bytes; `None` if it is sent as one body.
    ///
    /// `broke` tells that a body of this blob broke before.
    pub(crate) fn chunk_size(
        &self,
        session: &UploadSession,
        size: u64,
        broke: bool,
    ) -> Option<u64> {
        let capabilities = self.capabilities();
        let chunk = capabilities.chunk_size(session.chunk_min_length);
        let in_chunks =
            capabilities.chunks && (self.observed.wants_chunks(size) || (broke && size > chunk));
        in_chunks.then_some(chunk)
    }

    /// Records why a single body of `size` bytes was refused, and returns whether chunks are worth
    /// a try.
    pub(crate) fn may_take_chunks(&self, error: &RegistryError, size: u64) -> bool {
        let Some(status) = error.cause.status().filter(|_| self.capabilities().chunks) else {
            return false;
        };
        let refused = match status {
            413 => true,
            405 | 416 | 500 | 501 => !self.observed.accepted_any_body(),
            _ => false,
        };
        if refused && !self.observed.wants_chunks(size) {
            tracing::debug!(
                "{error}; sending larger uploads to {} in chunks from now on",
                self.registry
            );
            self.observed.chunk_from_now();
        }
        refused && self.observed.wants_chunks(size)
    }

    /// Records a refused chunk, and returns whether a single body is worth a try.
    pub(crate) fn may_take_one_body(&self, error: &RegistryError) -> bool {
        let refused = matches!(error.cause.status(), Some(400 | 405 | 411 | 415 | 416 | 501));
        refused && self.observed.chunk_refused()
    }

    /// Records a second broken body: blobs larger than every accepted body are sent in chunks from
    /// now on.
    pub(crate) fn bodies_break(&self) {
        self.observed.chunk_from_now();
    }
}

/// Parses `Range: 0-LAST` of an upload's status into a byte count; some registries add the unit.
fn offset_after(range: &str) -> Option<u64> {
    let (start, last) = range.trim().trim_start_matches("bytes=").split_once('-')?;
    if start != "0" {
        return None;
    }
    let last: u64 = last.parse().ok()?;
    // The header cannot express an empty upload; distribution and others send 0-0 for it.
    Some(if last == 0 { 0 } else { last + 1 })
}

#[cfg(test)]
mod tests {
    use super::offset_after;

    #[test]
    fn the_status_of_an_upload_says_where_to_go_on() {
        assert_eq!(offset_after("0-9"), Some(10));
        assert_eq!(offset_after("bytes=0-9"), Some(10));
        assert_eq!(offset_after("0-0"), Some(0), "nothing yet");
        assert_eq!(offset_after("5-9"), None);
    }
}
