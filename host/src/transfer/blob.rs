//! Bringing one blob into one repository: mount, or download and upload at the same time.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;

use super::copy::Copy;
use super::verify::{SourceFailure, verified};
use super::{Event, TransferError, Transferred};
use crate::oci::Descriptor;
use crate::registry::{Body, Cause, Operation, RegistryError, UploadStart, Waits, stream_body};

/// What of the destination is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A HEAD that finds the blob is enough.
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
        trust: Trust,
    ) -> Result<(), TransferError> {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        let placed = self.run.placement.blob(registry, repository, &blob.digest);
        if placed.initialized() {
            self.placed(blob, Transferred::Shared);
            return Ok(());
        }
        self.run.events.send(Event::BlobPlanned { job: self.job.number, size: blob.size });
        let mut how = Transferred::Shared;
        placed
            .get_or_try_init(|| async {
                how = self.bring_blob(blob, bytes, trust).await?;
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
        trust: Trust,
    ) -> Result<Transferred, TransferError> {
        let repository = &self.job.destination.repository;
        let home = self.run.placement.home(self.destination.registry(), &blob.digest);
        let mut brought = None;
        let is_local = self.job.source.registry == self.job.destination.registry;
        let found = home
            .get_or_try_init(|| async {
                if is_local && self.job.source.repository != *repository {
                    return Ok(self.job.source.repository.clone());
                }
                brought = Some(self.probe_or_upload(blob, bytes, trust).await?);
                Ok(repository.clone())
            })
            .await?;
        if let Some(how) = brought {
            return Ok(how);
        }
        if found != repository && self.destination.mounts() && trust == Trust::Probe {
            match self.destination.start_upload(repository, &blob.digest, Some(found)).await {
                Ok(UploadStart::Mounted) => return Ok(Transferred::Mounted),
                Ok(UploadStart::Session(session)) => {
                    self.destination.cancel_upload(session, repository).await;
                }
                // Registries refuse mounts in many ways, none of which keeps an upload from working.
                Err(error) => tracing::debug!("{error}"),
            }
        }
        self.probe_or_upload(blob, bytes, trust).await
    }

    async fn probe_or_upload(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        trust: Trust,
    ) -> Result<Transferred, TransferError> {
        let repository = &self.job.destination.repository;
        if trust == Trust::Probe {
            let present = self.destination.has_blob(repository, &blob.digest).await;
            if present.map_err(|error| self.at_destination(error))? {
                return Ok(Transferred::Present);
            }
        }
        let mut waits = Waits::new();
        loop {
            let error = match self.upload_blob(blob, bytes).await {
                Ok(()) => return Ok(Transferred::Moved),
                Err(error) => error,
            };
            let wait = match &error {
                TransferError::Source(error) | TransferError::Destination(error) => {
                    waits.after(error)
                }
                _ => None,
            };
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
            tokio::time::sleep(wait).await;
        }
    }

    async fn upload_blob(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
    ) -> Result<(), TransferError> {
        let _permit = self.run.transfers.acquire().await;
        let repository = &self.job.destination.repository;
        check_empty(blob).map_err(TransferError::Source)?;
        let moved = Arc::new(AtomicU64::new(0));
        let failure = SourceFailure::default();
        let body = match bytes {
            Some(bytes) => Body::from(bytes.clone()),
            None => {
                let source = &self.job.source.repository;
                let stream = self.source.blob(source, blob).await.map_err(TransferError::Source)?;
                let (events, job) = (self.run.events.clone(), self.job.number);
                let stream = verified(
                    stream,
                    blob.clone(),
                    Arc::clone(&moved),
                    failure.clone(),
                    events,
                    job,
                );
                stream_body(stream)
            }
        };
        let start = self.destination.start_upload(repository, &blob.digest, None).await;
        let session = match start.map_err(|error| self.at_destination(error))? {
            UploadStart::Session(session) => session,
            UploadStart::Mounted => return Ok(()),
        };
        let sent = self.destination.upload(session, repository, blob, body, moved).await;
        sent.map_err(|error| match failure.take() {
            Some(source) => TransferError::Source(source),
            None => self.at_destination(error),
        })
    }
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
