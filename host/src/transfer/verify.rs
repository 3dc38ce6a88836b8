//! The body of an upload: what the source sends, hashed on its way, whose last piece is withheld
//! until size and digest are known to be right. A mismatch breaks the upload off.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;

use super::{Event, EventSender};
use crate::oci::{Descriptor, Hasher};
use crate::registry::{BlobStream, Cause, RegistryError};

/// Progress is reported after so many bytes.
const STEP: u64 = 1024 * 1024;

/// Why the source's side of an upload ended early; the upload itself only sees a broken body.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceFailure(Arc<Mutex<Option<RegistryError>>>);

impl SourceFailure {
    fn set(&self, error: RegistryError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The failure, if there was one.
    pub(super) fn take(&self) -> Option<RegistryError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Verifier {
    source: BlobStream,
    blob: Descriptor,
    hasher: Option<Hasher>,
    received: u64,
    withheld: Option<Bytes>,
    moved: Arc<AtomicU64>,
    reported: u64,
    failure: SourceFailure,
    events: EventSender,
    job: u32,
}

impl Verifier {
    /// The next piece to hand over.
    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        while self.hasher.is_some() {
            let Some(chunk) = self.source.chunk().await? else {
                self.check()?;
                self.report();
                return Ok(self.withheld.take());
            };
            self.received += chunk.len() as u64;
            if self.received > self.blob.size {
                return Err(self.size_error());
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&chunk);
            }
            self.moved.store(self.received, Ordering::Relaxed);
            if self.received - self.reported >= STEP {
                self.report();
            }
            if let Some(ready) = self.withheld.replace(chunk) {
                return Ok(Some(ready));
            }
        }
        Ok(None)
    }

    fn report(&mut self) {
        let bytes = self.received - self.reported;
        self.reported = self.received;
        if bytes > 0 {
            self.events.send(Event::Progress { job: self.job, bytes });
        }
    }

    fn check(&mut self) -> Result<(), RegistryError> {
        if self.received != self.blob.size {
            return Err(self.size_error());
        }
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        let found = hasher.finish();
        if found == self.blob.digest {
            return Ok(());
        }
        let expected = self.blob.digest.clone();
        Err(self.source.operation().clone().failed(Cause::Digest { expected, found }))
    }

    fn size_error(&self) -> RegistryError {
        let cause = Cause::Size { expected: self.blob.size, found: self.received };
        self.source.operation().clone().failed(cause)
    }
}

/// The verified body of `blob` as it comes from `source`, for the job with the number `job`.
pub(super) fn verified(
    source: BlobStream,
    blob: Descriptor,
    moved: Arc<AtomicU64>,
    failure: SourceFailure,
    events: EventSender,
    job: u32,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let hasher = Some(Hasher::new(blob.digest.algorithm()));
    let verifier = Verifier {
        source,
        blob,
        hasher,
        received: 0,
        withheld: None,
        moved,
        reported: 0,
        failure,
        events,
        job,
    };
    futures_util::stream::unfold(Some(verifier), |verifier| async {
        let mut verifier = verifier?;
        match verifier.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(verifier))),
            Ok(None) => None,
            Err(error) => {
                let broken = io::Error::other(error.to_string());
                verifier.failure.set(error);
                Some((Err(broken), None))
            }
        }
    })
}
