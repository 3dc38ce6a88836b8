//! Blobs: HEAD and GET, whole or from an offset (distribution-spec, "Pulling blobs").

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};

use crate::auth::token::RepositoryScope;
use crate::content::blob_check::announced;
use crate::error::Failed as _;
use crate::http::body::{Encoding, ResponseBody, read_bounded};
use crate::http::connection::Purpose;
use crate::limits::window::Class;
use crate::request::Call;
use crate::retry::Backoff;
use crate::secret::known::{Origin, masked};
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Descriptor, Digest, Repository};
use longshore_store::{BlobPresence, Operation};

/// Timeout for a blob's headers: pull-through caches fetch the blob before they answer.
const BLOB_HEADERS: Duration = Duration::from_secs(300);
/// The longest wait in the middle of a body. A longer one would block a permit that others can use.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The waits before each look for a blob whose upload got no answer.
const COMMITTED: [Duration; 3] =
    [Duration::from_millis(500), Duration::from_millis(2500), Duration::from_secs(7)];
/// After this much progress, in bytes, a broken connection gets a new back-off.
const PROGRESS: u64 = 256 * 1024;

/// A blob download that resumes after a broken connection.
#[derive(Debug)]
pub(crate) struct BlobDownload {
    /// `None` once the client was dropped; the download does not resume then.
    client: Option<Arc<Client>>,
    call: Call,
    body: ResponseBody,
    /// How the body says that it is encoded.
    encoding: Encoding,
    size: u64,
    /// Offset of the next byte, from the blob's start.
    offset: u64,
    /// Leading bytes of the response that were received before.
    surplus: u64,
    backoff: Backoff,
    broken_at: u64,
}

impl BlobDownload {
    /// Returns the next piece, or `None` at the end.
    ///
    /// # Errors
    /// If the connection keeps breaking or is too slow for a minute, or if the rest is refused.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            let mut chunk = match self.body.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) if self.offset != self.size => return self.unless_encoded(None),
                Ok(None) => return Ok(None),
                // All bytes have arrived, so the error does not matter.
                Err(_) if self.offset == self.size => return Ok(None),
                Err(cause) => {
                    self.go_on(cause).await?;
                    continue;
                }
            };
            let had = self.surplus.min(chunk.len() as u64);
            self.surplus -= had;
            #[expect(clippy::cast_possible_truncation, reason = "at most the chunk's length")]
            chunk.advance(had as usize);
            if !chunk.is_empty() {
                if let Some(client) = &self.client {
                    client.rates.received.take(chunk.len()).await;
                }
                self.offset += chunk.len() as u64;
                if self.offset > self.size {
                    return self.unless_encoded(Some(chunk));
                }
                return Ok(Some(chunk));
            }
        }
    }

    /// Passes a piece on that makes the content longer or shorter than it should be, unless a proxy has
    /// compressed it. Then the reader would not find the cause.
    fn unless_encoded(&self, piece: Option<Bytes>) -> Result<Option<Bytes>, RegistryError> {
        match self.encoding.cause() {
            Some(cause) => Err(self.call.operation.clone().failed(cause)),
            None => Ok(piece),
        }
    }

    /// The operation, for errors about the content.
    pub(crate) const fn operation(&self) -> &Operation {
        &self.call.operation
    }

    /// Resumes after a break.
    ///
    /// The request goes to the registry, as the address that it redirected to may have expired.
    async fn go_on(&mut self, cause: Cause) -> Result<(), RegistryError> {
        let mut error = self.call.operation.clone().failed(cause);
        let Some(client) = self.client.clone() else { return Err(error) };
        if self.offset >= self.broken_at + PROGRESS {
            self.backoff = client.backoff();
        }
        self.broken_at = self.offset;
        let mut waited = Duration::ZERO;
        loop {
            let wait = self.backoff.after(&error).filter(|wait| waited + *wait <= LONGEST_PAUSE);
            let Some(wait) = wait else { return Err(error) };
            waited += wait;
            tracing::debug!(
                "{error}; resuming at byte {} in {:.1} s",
                self.offset,
                wait.as_secs_f32()
            );
            tokio::time::sleep(wait).await;
            client.budget.effort.count_retry();
            match client.open_blob(&self.call, self.size, self.offset).await {
                Ok((response, surplus)) => {
                    self.encoding = Encoding::of(&response);
                    (self.body, self.surplus) = (ResponseBody::of(response), surplus);
                    return Ok(());
                }
                Err(cause) => error = self.call.operation.clone().failed(cause),
            }
        }
    }
}

impl Client {
    pub(crate) async fn blob_call(
        &self,
        verb: &'static str,
        method: Method,
        repository: &Repository,
        digest: &Digest,
        class: Class,
    ) -> Result<Call, RegistryError> {
        let operation = Operation::new(verb, format!("{digest} of {}/{repository}", self.registry));
        let url = match self.url(&format!("{repository}/blobs/{digest}")).await {
            Ok(url) => url,
            Err(cause) => return Err(operation.failed(cause)),
        };
        let scope =
            RepositoryScope { repository: repository.clone(), push: false, mount_from: None };
        let mut call = Call::new(operation, method, url, scope, class);
        call.purpose = Purpose::Blob;
        call.patience = BLOB_HEADERS;
        Ok(call)
    }

    /// Checks whether a blob exists with its size. A refusal counts as no: the upload decides.
    ///
    /// The caller holds the permit of a blob of that size.
    ///
    /// # Errors
    /// If the registry is unreachable or keeps failing.
    pub(crate) async fn has_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
    ) -> Result<bool, RegistryError> {
        let (digest, class) = (&blob.digest, Class::of_blob(blob.size));
        let mut call =
            self.blob_call("look up blob", Method::HEAD, repository, digest, class).await?;
        // The upload that follows needs a push token, so this request shares it.
        call.scope =
            RepositoryScope { repository: repository.clone(), push: true, mount_from: None }.into();
        call.admitted = true;
        // No retries here: the upload itself has them.
        match self.send_once(&call).await {
            Ok(response) => match announced(blob, response.headers()) {
                BlobPresence::OtherSize(size) if blob.size > 0 => {
                    tracing::warn!(
                        "{digest} has {size} bytes in {}/{repository} and the manifest says {}: it is sent again",
                        self.registry,
                        blob.size
                    );
                    Ok(false)
                }
                _ => Ok(true),
            },
            Err(cause) if matches!(cause.status(), Some(400..=428)) => Ok(false),
            Err(cause) => Err(call.operation.failed(cause)),
        }
    }

    /// Checks whether `blob` exists after the answer to its upload was lost.
    ///
    /// Registries may take seconds to commit, so it checks three times.
    pub(crate) async fn was_committed(&self, repository: &Repository, blob: &Descriptor) -> bool {
        for wait in COMMITTED {
            tokio::time::sleep(wait).await;
            match self.has_blob(repository, blob).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::debug!("{error}"),
            }
        }
        false
    }

    /// Opens a blob for reading from the byte `offset`, without retries: the reader retries anyway.
    ///
    /// The announced length must match the descriptor. If the content was `wrong` before, a fresh
    /// connection is used. The caller holds the permit.
    ///
    /// # Errors
    /// A refusal, no answer, or another length.
    pub(crate) async fn open_stream(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        offset: u64,
        wrong: bool,
    ) -> Result<BlobDownload, RegistryError> {
        let class = Class::of_blob(blob.size);
        let mut call =
            self.blob_call("fetch blob", Method::GET, repository, &blob.digest, class).await?;
        call.admitted = true;
        if wrong {
            call.purpose = Purpose::Recheck;
        }
        match self.open_blob(&call, blob.size, offset).await {
            Ok((response, surplus)) => Ok(BlobDownload {
                client: self.shared(),
                call,
                encoding: Encoding::of(&response),
                body: ResponseBody::of(response),
                size: blob.size,
                offset,
                surplus,
                backoff: self.backoff(),
                broken_at: 0,
            }),
            Err(cause) => Err(call.operation.failed(cause)),
        }
    }

    /// Requests the bytes from `offset` on; also returns how many leading bytes were not requested.
    ///
    /// A server may ignore `Range` (RFC 9110, section 14).
    async fn open_blob(
        &self,
        call: &Call,
        size: u64,
        offset: u64,
    ) -> Result<(Response, u64), Cause> {
        if offset == 0 {
            return Ok((with_length(self.send_once(call).await?, size)?, 0));
        }
        let range = HeaderValue::try_from(format!("bytes={offset}-"))
            .unwrap_or_else(|_| HeaderValue::from_static("bytes=0-"));
        let call = call.clone().header(RANGE, range);
        let response = self.send_once(&call).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok((with_length(response, size)?, offset));
        }
        let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let found = range.and_then(start_and_size);
        if found.is_none_or(|(start, total)| start != offset || total.is_some_and(|t| t != size)) {
            let answered = masked(range.unwrap_or_default(), Origin::Answer).into_owned();
            return Err(Cause::Range { offset, answered });
        }
        Ok((with_length(response, size - offset)?, 0))
    }

    /// Reads a small blob into memory and verifies it; `limit` bounds its size in bytes.
    ///
    /// # Errors
    /// A refusal, no answer, another length or digest, or a size above `limit`.
    pub(crate) async fn fetch_small_blob(
        &self,
        repository: &Repository,
        blob: &Descriptor,
        limit: u64,
    ) -> Result<Bytes, RegistryError> {
        let mut call = self
            .blob_call("fetch blob", Method::GET, repository, &blob.digest, Class::Small)
            .await?;
        let mut backoff = self.backoff();
        loop {
            let cause = match self.read_blob(&call, blob, limit).await {
                Ok(bytes) => return Ok(bytes),
                Err(cause) => cause,
            };
            call.avoid_connection_after(&cause);
            backoff.wait_or_fail(call.operation.clone().failed(cause)).await?;
        }
    }

    async fn read_blob(&self, call: &Call, blob: &Descriptor, limit: u64) -> Result<Bytes, Cause> {
        let response = with_length(self.send_once(call).await?, blob.size)?;
        let encoding = Encoding::of(&response);
        let bytes = match read_bounded(response, limit.min(blob.size)).await {
            Err(cause @ Cause::TooLarge { .. }) => return Err(encoding.cause().unwrap_or(cause)),
            read => read?,
        };
        self.rates.received.take(bytes.len()).await;
        let found = blob.digest.same_algorithm_of(&bytes);
        if found == blob.digest {
            return Ok(bytes);
        }
        let wrong = || Cause::Digest { expected: blob.digest.clone(), found };
        Err(encoding.cause().unwrap_or_else(wrong))
    }
}

/// Returns the response unless it announces another length than `size`.
fn with_length(response: Response, size: u64) -> Result<Response, Cause> {
    match response.content_length() {
        Some(found) if found != size => {
            let wrong = || Cause::Size { expected: size, found };
            Err(Encoding::of(&response).cause().unwrap_or_else(wrong))
        }
        _ => Ok(response),
    }
}

/// Parses a `Content-Range` into its start and, if given, the total size.
fn start_and_size(range: &str) -> Option<(u64, Option<u64>)> {
    let (start, rest) = range.strip_prefix("bytes ")?.split_once('-')?;
    let (_, size) = rest.split_once('/')?;
    Some((start.parse().ok()?, size.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::start_and_size;

    #[test]
    fn content_ranges_are_read() {
        assert_eq!(start_and_size("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(start_and_size("bytes 5-9/*"), Some((5, None)));
        assert_eq!(start_and_size("bytes */10"), None);
    }
}
