//! The body of an upload: what the source sends, hashed on its way, whose last piece is withheld
//! until size and digest are known to be right. A mismatch breaks the upload off.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::Stream;

use super::{Event, EventSender};
use crate::oci::{Descriptor, Hasher};
use crate::registry::{BlobStream, Cause, Operation, RegistryError};

/// Progress is reported after so many bytes.
const STEP: u64 = 1024 * 1024;

/// Where a blob's bytes come from.
#[derive(Debug)]
pub(super) enum Content {
    /// They had to be read before.
    Memory(Bytes),
    /// From the source as they arrive.
    Stream(Box<BlobStream>),
}

impl Content {
    async fn chunk(&mut self) -> Result<Option<Bytes>, RegistryError> {
        match self {
            Self::Memory(bytes) => {
                Ok(Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()))
            }
            Self::Stream(stream) => stream.chunk().await,
        }
    }

    fn operation(&self, blob: &Descriptor) -> Operation {
        match self {
            Self::Memory(_) => Operation::new("fetch blob", &blob.digest),
            Self::Stream(stream) => stream.operation().clone(),
        }
    }
}

/// The bytes of a blob from its start that were handed over, and their hash.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    hasher: Hasher,
    /// How many they are.
    pub(super) bytes: u64,
}

impl Prefix {
    /// Nothing of `blob` yet.
    pub(super) fn empty(blob: &Descriptor) -> Self {
        Self { hasher: Hasher::new(blob.digest.algorithm()), bytes: 0 }
    }

    fn take_in(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.bytes += piece.len() as u64;
    }
}

/// A blob on its way through this process.
#[derive(Debug)]
pub(super) struct Verified {
    content: Content,
    blob: Descriptor,
    prefix: Prefix,
    /// Bytes that the source sent, those before `content` included.
    received: u64,
    withheld: Option<Bytes>,
    ready: Option<Bytes>,
    ended: bool,
    failure: Option<RegistryError>,
    events: EventSender,
    job: u32,
    reported: u64,
}

impl Verified {
    /// `blob` for the job with the number `job`, whose `content` begins behind `prefix`.
    pub(super) fn new(
        content: Content,
        blob: Descriptor,
        prefix: Prefix,
        events: EventSender,
        job: u32,
    ) -> Self {
        Self {
            content,
            blob,
            received: prefix.bytes,
            reported: prefix.bytes,
            prefix,
            withheld: None,
            ready: None,
            ended: false,
            failure: None,
            events,
            job,
        }
    }

    /// What was handed over.
    pub(super) fn prefix(&self) -> Prefix {
        self.prefix.clone()
    }

    /// Why the source's side ended early; the upload itself only sees a broken body.
    pub(super) const fn take_failure(&mut self) -> Option<RegistryError> {
        self.failure.take()
    }

    /// Takes the next `count` bytes in without handing them over: the destination has them.
    pub(super) async fn pass(&mut self, mut count: u64) -> Result<(), RegistryError> {
        while count > 0 {
            let Some(piece) = self.next(count).await? else { return Ok(()) };
            count -= piece.len() as u64;
        }
        Ok(())
    }

    /// The next piece to hand over, of `most` bytes at most.
    async fn next(&mut self, most: u64) -> Result<Option<Bytes>, RegistryError> {
        while self.ready.is_none() && !self.ended {
            let Some(chunk) = self.content.chunk().await? else {
                self.ended = true;
                self.check()?;
                self.ready = self.withheld.take();
                break;
            };
            self.received += chunk.len() as u64;
            if self.received > self.blob.size {
                return Err(self.size_error());
            }
            self.ready = self.withheld.replace(chunk);
        }
        let Some(mut piece) = self.ready.take() else { return Ok(None) };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if piece.len() > most {
            self.ready = Some(piece.split_off(most));
        }
        self.prefix.take_in(&piece);
        if self.prefix.bytes - self.reported >= STEP || self.prefix.bytes == self.blob.size {
            self.report();
        }
        Ok(Some(piece))
    }

    fn report(&mut self) {
        let bytes = self.prefix.bytes - self.reported;
        self.reported = self.prefix.bytes;
        self.events.send(Event::Progress { job: self.job, bytes });
    }

    /// Everything arrived: is it what it should be, together with the piece that is withheld?
    fn check(&self) -> Result<(), RegistryError> {
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
        Err(self.content.operation(&self.blob).failed(Cause::Digest { expected, found }))
    }

    fn size_error(&self) -> RegistryError {
        let cause = Cause::Size { expected: self.blob.size, found: self.received };
        self.content.operation(&self.blob).failed(cause)
    }
}

/// A blob whose body is read by the connection that sends it, and looked at by whoever waits.
pub(super) type Shared = Arc<tokio::sync::Mutex<Verified>>;

/// The next `length` bytes of `blob` as a body; `moved` counts them.
pub(super) fn body(
    blob: &Shared,
    length: u64,
    moved: &Arc<AtomicU64>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let state = Some((Arc::clone(blob), Arc::clone(moved), length));
    futures_util::stream::unfold(state, |state| async {
        let (blob, moved, left) = state.filter(|(_, _, left)| *left > 0)?;
        let mut verified = blob.lock().await;
        match verified.next(left).await {
            Ok(Some(piece)) => {
                let length = piece.len() as u64;
                moved.fetch_add(length, Ordering::Relaxed);
                drop(verified);
                Some((Ok(piece), Some((blob, moved, left - length))))
            }
            Ok(None) => None,
            Err(error) => {
                let broken = io::Error::other(error.to_string());
                verified.failure = Some(error);
                Some((Err(broken), None))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use futures_util::StreamExt;

    use super::{Content, Prefix, Shared, Verified, body};
    use crate::oci::{Descriptor, Digest};
    use crate::registry::Cause;
    use crate::transfer::EventSender;

    fn descriptor(digest: Digest, size: u64) -> Descriptor {
        let json = format!(
            r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn shared(content: &'static [u8], blob: &Descriptor, prefix: Prefix) -> Shared {
        let (events, _received) = EventSender::channel();
        let content = Content::Memory(Bytes::from_static(content));
        Arc::new(tokio::sync::Mutex::new(Verified::new(content, blob.clone(), prefix, events, 1)))
    }

    async fn sent(blob: &Shared, length: u64) -> Result<Vec<u8>, String> {
        let moved = Arc::new(AtomicU64::new(0));
        let pieces: Vec<_> = body(blob, length, &moved).collect().await;
        let mut all = Vec::new();
        for piece in pieces {
            all.extend_from_slice(&piece.map_err(|error| error.to_string())?);
        }
        assert_eq!(moved.load(Ordering::Relaxed), all.len() as u64);
        Ok(all)
    }

    #[tokio::test]
    async fn a_body_goes_out_in_parts_of_any_size() {
        let blob = descriptor(Digest::of(b"hello world"), 11);
        let whole = shared(b"hello world", &blob, Prefix::empty(&blob));
        assert_eq!(sent(&whole, 4).await.unwrap(), b"hell");
        let prefix = whole.lock().await.prefix();
        assert_eq!(prefix.bytes, 4);
        assert_eq!(sent(&whole, 100).await.unwrap(), b"o world");

        let rest = shared(b"o world", &blob, prefix);
        rest.lock().await.pass(2).await.unwrap();
        assert_eq!(sent(&rest, 9).await.unwrap(), b"world", "two bytes were there already");
    }

    #[tokio::test]
    async fn nothing_wrong_goes_out_whole() {
        let blob = descriptor(Digest::of(b"hello"), 5);
        for wrong in [&b"hellx"[..], b"hell", b"hello!"] {
            let shared = shared(wrong, &blob, Prefix::empty(&blob));
            assert!(sent(&shared, 5).await.is_err());
            let failure = shared.lock().await.take_failure().unwrap();
            assert!(matches!(*failure.cause, Cause::Digest { .. } | Cause::Size { .. }));
        }
    }
}
