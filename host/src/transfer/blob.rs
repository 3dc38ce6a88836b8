//! Bringing one blob into one repository: mount, or download and upload at the same time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::copy::Copy;
use super::verify::{SourceFailure, verified};
use super::{Event, TransferError, Transferred};
use crate::oci::Descriptor;
use crate::registry::{
    BlobStream, Body, Cause, Operation, RegistryError, UploadSession, UploadStart, Waits,
    stream_body,
};

/// Both ends are opened at the same time for blobs below this size.
const SMALL: u64 = 1024 * 1024;

/// What of the destination is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A look that finds the blob is enough.
    Probe,
    /// The registry has just said that it lacks content that it showed before: send it again.
    Nothing,
}

impl Copy<'_> {
    /// Makes `blob` be in the destination's repository. `bytes` is its content, where that had to
    /// be read before.
    pub(super) async fn place_blob(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
    ) -> Result<(), TransferError> {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let placed = self.placement.blob(registry, repository, &blob.digest);
        if placed.initialized() {
            self.placed(blob, Transferred::Shared);
            return Ok(());
        }
        self.run.events.send(Event::BlobPlanned { job: self.job.number, size: blob.size });
        let mut how = Transferred::Shared;
        placed
            .get_or_try_init(|| async {
                how = self.bring_blob(blob, bytes).await?;
                Ok(())
            })
            .await?;
        self.placed(blob, how);
        Ok(())
    }

    fn placed(&self, blob: &Descriptor, how: Transferred) {
        let (digest, size) = (blob.digest.clone(), blob.size);
        self.run.events.send(Event::BlobPlaced { job: self.job.number, digest, size, how });
        if how == Transferred::Moved {
            self.count(size);
        }
    }

    /// The first job that needs the blob on this registry brings it; the others wait for that, and
    /// mount it from there.
    async fn bring_blob(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
    ) -> Result<Transferred, TransferError> {
        let repository = &self.job.destination.repository;
        let home = self.placement.home(self.destination.registry(), &blob.digest);
        let mut brought = None;
        let is_local = self.job.source.registry == self.job.destination.registry;
        let found = home
            .get_or_try_init(|| async {
                if is_local && self.job.source.repository != *repository {
                    return Ok(self.job.source.repository.clone());
                }
                brought = Some(self.upload(blob, bytes, None).await?);
                Ok(repository.clone())
            })
            .await?;
        if let Some(how) = brought {
            return Ok(how);
        }
        if found != repository && self.destination.mounts() && self.trust == Trust::Probe {
            match self.destination.start_upload(repository, &blob.digest, Some(found)).await {
                Ok(UploadStart::Present) => return Ok(Transferred::Mounted),
                Ok(UploadStart::Session(session)) => {
                    return self.upload(blob, bytes, Some(session)).await;
                }
                // Registries refuse mounts in many ways, none of which keeps an upload from working.
                Err(error) => tracing::debug!("{error}"),
            }
        }
        self.upload(blob, bytes, None).await
    }

    /// Uploads the blob unless it turns out to be there. `session` is one that is open already.
    async fn upload(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        mut session: Option<UploadSession>,
    ) -> Result<Transferred, TransferError> {
        check_empty(blob).map_err(TransferError::Source)?;
        let mut waits = Waits::new();
        loop {
            // Whoever waits to try again keeps nobody else from moving.
            let permit = self.run.transfers.acquire().await;
            let error = match self.attempt(blob, bytes, session.take()).await {
                Ok(how) => return Ok(how),
                Err(error) => error,
            };
            drop(permit);
            let wait = error.of_registry().and_then(|error| waits.after(error));
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        session: Option<UploadSession>,
    ) -> Result<Transferred, TransferError> {
        match self.open(blob, bytes, session).await? {
            Some((session, content)) => {
                self.send(blob, session, content).await.map(|()| Transferred::Moved)
            }
            None => Ok(Transferred::Present),
        }
    }

    /// Opens both ends, at the same time where the blob is small and a round trip costs more than
    /// anything else. `None` where the blob is there already.
    async fn open(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        session: Option<UploadSession>,
    ) -> Result<Option<(UploadSession, BlobContent)>, TransferError> {
        let repository = &self.job.destination.repository;
        if session.is_none() && self.trust == Trust::Probe {
            let present = self.destination.has_blob(repository, &blob.digest).await;
            if present.map_err(|error| self.at_destination(error))? {
                return Ok(None);
            }
        }
        let destination = async {
            let start = match session {
                Some(session) => Ok(UploadStart::Session(session)),
                None => self.destination.start_upload(repository, &blob.digest, None).await,
            };
            start.map_err(|error| self.at_destination(error))
        };
        let source = async {
            let opened = match bytes {
                Some(bytes) => return Ok(BlobContent::Memory(bytes.clone())),
                None => self.source.blob(&self.job.source.repository, blob).await,
            };
            opened.map(BlobContent::Stream).map_err(TransferError::Source)
        };
        let (start, content) = if blob.size < SMALL {
            tokio::join!(destination, source)
        } else {
            // A source that has nothing to give leaves no session behind.
            let content = source.await?;
            (destination.await, Ok(content))
        };
        match (start?, content) {
            (UploadStart::Present, _) => Ok(None),
            (UploadStart::Session(session), Ok(content)) => Ok(Some((session, content))),
            (UploadStart::Session(session), Err(error)) => {
                self.destination.cancel_upload(session, repository).await;
                Err(error)
            }
        }
    }

    /// Sends the content into the session.
    async fn send(
        &self,
        blob: &Descriptor,
        session: UploadSession,
        content: BlobContent,
    ) -> Result<(), TransferError> {
        // What is in memory is handed over at once.
        let handed_over = if matches!(content, BlobContent::Memory(_)) { blob.size } else { 0 };
        let moved = Arc::new(AtomicU64::new(handed_over));
        let failure = SourceFailure::default();
        let body = match content {
            BlobContent::Memory(bytes) => Body::from(bytes),
            BlobContent::Stream(stream) => stream_body(verified(
                stream,
                blob.clone(),
                Arc::clone(&moved),
                failure.clone(),
                self.run.events.clone(),
                self.job.number,
            )),
        };
        let repository = &self.job.destination.repository;
        let sent = self.destination.upload(session, repository, blob, body, moved).await;
        sent.map_err(|error| match failure.take() {
            Some(source) => TransferError::Source(source),
            None => self.at_destination(error),
        })
    }
}

/// Where a blob's bytes come from.
enum BlobContent {
    /// They had to be read before.
    Memory(Bytes),
    /// From the source as they arrive.
    Stream(BlobStream),
}

/// An upload without a body has nothing to withhold, so its digest is checked before.
fn check_empty(blob: &Descriptor) -> Result<(), RegistryError> {
    let found = blob.digest.same_algorithm_of(b"");
    if blob.size > 0 || found == blob.digest {
        return Ok(());
    }
    let expected = blob.digest.clone();
    Err(Operation::new("fetch blob", &blob.digest).failed(Cause::Digest { expected, found }))
}
