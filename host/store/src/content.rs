//! The content of a blob: hashed while it streams. Its last piece is withheld until size and digest
//! are verified.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use longshore_oci::{Descriptor, Hasher};

use super::{Fault, Operation, StoreError};

/// Progress is reported in steps of this size, in bytes.
const STEP: u64 = 1024 * 1024;
/// A slow blob is reported after this time, with less than a step.
const INTERVAL: Duration = Duration::from_millis(250);

/// Pieces of a blob as they arrive.
type Pieces = Pin<Box<dyn Stream<Item = Result<Bytes, StoreError>> + Send>>;

/// A blob as read from a store, not yet verified.
pub struct BlobStream {
    operation: Operation,
    pieces: Pieces,
}

impl BlobStream {
    /// Makes a stream of `pieces`; `operation` is named in errors.
    pub fn new(
        operation: Operation,
        pieces: impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static,
    ) -> Self {
        Self { operation, pieces: Box::pin(pieces) }
    }

    /// Makes a stream of a blob, or of its end, from memory.
    pub(crate) fn of_bytes(blob: &Descriptor, bytes: Bytes) -> Self {
        let operation = Operation::new("fetch blob", &blob.digest);
        let piece = (!bytes.is_empty()).then_some(Ok(bytes));
        Self::new(operation, stream::iter(piece))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        self.pieces.next().await.transpose()
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStream({})", self.operation)
    }
}

/// Says whether `moved` bytes, of which nothing was told for the time `since`, are told now.
fn is_due(moved: u64, since: Duration) -> bool {
    moved >= STEP || (moved > 0 && since >= INTERVAL)
}

/// A callback for bytes that were handed over.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(u64) + Send + Sync>);

impl Progress {
    /// Calls `told` with the bytes since the last call.
    pub fn new(told: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    /// A callback that does nothing.
    pub fn ignored() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// The part of a blob that was handed over: its length and hash.
#[derive(Clone, Debug)]
pub struct Prefix {
    hasher: Hasher,
    /// Its length, in bytes.
    pub bytes: u64,
}

impl Prefix {
    /// The empty prefix of `blob`.
    pub fn empty(blob: &Descriptor) -> Self {
        Self { hasher: Hasher::new(blob.digest.algorithm()), bytes: 0 }
    }

    fn take_in(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
    }
}

/// A blob that is verified while it streams.
///
/// A wrong size or digest is an error before the last piece is handed over, so that wrong content
/// is never complete.
#[derive(Debug)]
pub struct VerifiedBlob {
    content: BlobStream,
    blob: Descriptor,
    prefix: Prefix,
    /// Bytes received from the source, including those before `content`.
    received: u64,
    withheld: Option<Bytes>,
    ready: Option<Bytes>,
    ended: bool,
    progress: Progress,
    reported: u64,
    reported_at: Instant,
}

impl VerifiedBlob {
    /// Makes a stream of `blob`, whose `content` starts after `prefix`.
    pub fn new(content: BlobStream, blob: Descriptor, prefix: Prefix, progress: Progress) -> Self {
        Self {
            content,
            blob,
            received: prefix.bytes,
            reported: prefix.bytes,
            reported_at: Instant::now(),
            prefix,
            withheld: None,
            ready: None,
            ended: false,
            progress,
        }
    }

    /// The part that was handed over.
    pub fn prefix(&self) -> Prefix {
        self.prefix.clone()
    }

    /// Skips the next `count` bytes, which the destination has already, but hashes them.
    ///
    /// # Errors
    /// Those of [`Self::next`].
    pub async fn pass(&mut self, mut count: u64) -> Result<(), StoreError> {
        while count > 0 {
            let Some(piece) = self.next(count).await? else { return Ok(()) };
            count -= piece.len() as u64;
        }
        Ok(())
    }

    /// Returns the next piece, of at most `most` bytes; `None` at the end.
    ///
    /// # Errors
    /// If the source failed, or its content does not match the descriptor.
    pub async fn next(&mut self, most: u64) -> Result<Option<Bytes>, StoreError> {
        while self.ready.is_none() && !self.ended {
            let Some(piece) = self.content.next().await? else {
                self.ended = true;
                self.check()?;
                self.ready = self.withheld.take();
                break;
            };
            self.received += piece.len() as u64;
            if self.received > self.blob.size {
                return Err(self.size_error());
            }
            self.ready = self.withheld.replace(piece);
        }
        let Some(mut piece) = self.ready.take() else { return Ok(None) };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if piece.len() > most {
            self.ready = Some(piece.split_off(most));
        }
        self.prefix.take_in(&piece);
        let is_end = self.prefix.bytes == self.blob.size;
        let moved = self.prefix.bytes - self.reported;
        if is_end || is_due(moved, self.reported_at.elapsed()) {
            self.report();
        }
        Ok(Some(piece))
    }

    fn report(&mut self) {
        let bytes = self.prefix.bytes - self.reported;
        self.reported = self.prefix.bytes;
        self.reported_at = Instant::now();
        (self.progress.0)(bytes);
    }

    /// Verifies size and digest, including the withheld piece.
    fn check(&self) -> Result<(), StoreError> {
        if self.received != self.blob.size {
            return Err(self.size_error());
        }
        let mut hasher = self.prefix.hasher.clone();
        hasher.update(self.withheld.as_deref().unwrap_or_default());
        let found = hasher.finish();
        if found == self.blob.digest {
            return Ok(());
        }
        let expected = self.blob.digest.clone();
        Err(self.content.operation.clone().wrong_content(Fault::Digest { expected, found }))
    }

    fn size_error(&self) -> StoreError {
        let fault = Fault::Size { expected: self.blob.size, found: self.received };
        self.content.operation.clone().wrong_content(fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use longshore_oci::{Descriptor, Digest};

    use super::{BlobStream, Prefix, Progress, VerifiedBlob};
    use crate::StoreError;

    fn descriptor(digest: Digest, size: u64) -> Descriptor {
        let json = format!(
            r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn verified(content: &'static [u8], blob: &Descriptor, prefix: Prefix) -> VerifiedBlob {
        let content = BlobStream::of_bytes(blob, Bytes::from_static(content));
        VerifiedBlob::new(content, blob.clone(), prefix, Progress::ignored())
    }

    async fn handed_over(blob: &mut VerifiedBlob, mut length: u64) -> Result<Vec<u8>, StoreError> {
        let mut all = Vec::new();
        while length > 0
            && let Some(piece) = blob.next(length).await?
        {
            length -= piece.len() as u64;
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    #[test]
    fn a_slow_blob_is_told_of_before_it_has_moved_a_step() {
        let second = Duration::from_secs(1);
        assert!(super::is_due(super::STEP, Duration::ZERO), "a fast one");
        assert!(super::is_due(1, second) && super::is_due(50_000, second));
        assert!(!super::is_due(50_000, Duration::from_millis(10)), "it would be told too often");
        assert!(!super::is_due(0, second), "nothing moved");
    }

    #[tokio::test]
    async fn a_blob_is_handed_over_in_parts_of_any_size() {
        let blob = descriptor(Digest::of(b"hello world"), 11);
        let mut whole = verified(b"hello world", &blob, Prefix::empty(&blob));
        assert_eq!(handed_over(&mut whole, 4).await.unwrap(), b"hell");
        let prefix = whole.prefix();
        assert_eq!(prefix.bytes, 4);
        assert_eq!(handed_over(&mut whole, 100).await.unwrap(), b"o world");

        let mut rest = verified(b"o world", &blob, prefix);
        rest.pass(2).await.unwrap();
        assert_eq!(handed_over(&mut rest, 9).await.unwrap(), b"world", "two bytes were there");
    }

    #[tokio::test]
    async fn nothing_wrong_is_handed_over_whole() {
        let blob = descriptor(Digest::of(b"hello"), 5);
        for wrong in [&b"hellx"[..], b"hell", b"hello!", b""] {
            let mut blob = verified(wrong, &blob, Prefix::empty(&blob));
            let error = handed_over(&mut blob, 100).await.unwrap_err();
            assert!(error.is_wrong_content() && error.transient, "{error}");
        }
    }
}
