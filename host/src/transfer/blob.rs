//! Placing one blob in one repository: known, mounted, found or moved.

use bytes::Bytes;
use futures_util::future::FutureExt;

use super::copy::Copy;
use super::{Event, TransferError, Transferred};
use crate::oci::{Descriptor, Repository};
use crate::registry::{UploadSession, UploadStart};

/// What of the destination is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A look that finds the blob is enough.
    Probe,
    /// The registry has just said that it lacks content that it showed before: send it again.
    Nothing,
}

/// What came of a hint.
enum Hinted {
    /// The blob was mounted from this repository.
    Mounted(Repository),
    /// It was not; perhaps there is a session instead.
    Not(Option<UploadSession>),
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
        let mut how = Transferred::Shared;
        if placed.get().is_none() {
            self.run.events.send(Event::BlobPlanned { job: self.job.number, size: blob.size });
            let bring = async {
                how = self.bring_blob(blob, bytes).await?;
                Ok::<_, TransferError>(())
            };
            placed.get_or_fill(self.seat, bring.boxed()).await?;
        }
        let (digest, size) = (blob.digest.clone(), blob.size);
        self.run.events.send(Event::BlobPlaced { job: self.job.number, digest, size, how });
        if how == Transferred::Moved {
            self.count(size);
        }
        Ok(())
    }

    /// The first job that needs the blob on this registry brings it; the others wait for that, and
    /// mount it from there.
    async fn bring_blob(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
    ) -> Result<Transferred, TransferError> {
        let registry = self.destination.registry();
        if !self.destination.mounts() {
            return self.upload(blob, bytes, None).boxed().await;
        }
        let repository = &self.job.destination.repository;
        let is_local = self.job.source.registry == *registry;
        let home = self.placement.home(registry, &blob.digest);
        let mut brought = None;
        let find = async {
            if is_local && self.job.source.repository != *repository {
                return Ok(self.placement.as_home(&self.job.source.repository));
            }
            let session = match self.mount_by_hint(blob).await? {
                Hinted::Mounted(home) => {
                    brought = Some(Transferred::Mounted);
                    return Ok(self.placement.as_home(&home));
                }
                Hinted::Not(session) => session,
            };
            brought = Some(self.upload(blob, bytes, session).boxed().await?);
            Ok::<_, TransferError>(self.placement.as_home(repository))
        };
        let found = home.get_or_fill(self.seat, find.boxed()).await?;
        if let Some(how) = brought {
            return Ok(how);
        }
        let is_home = is_local
            || !self.destination.mounts_after_manifest()
            || self.placement.is_named(registry, &blob.digest);
        let found = self.placement.repository(found);
        let elsewhere =
            found.filter(|found| found != repository && is_home && self.trust != Trust::Nothing);
        let Some(found) = elsewhere else {
            return self.upload(blob, bytes, None).boxed().await;
        };
        match self.mount(blob, &found).await? {
            Some(UploadStart::Present) => Ok(Transferred::Mounted),
            Some(UploadStart::Session(session)) => {
                self.upload(blob, bytes, Some(session)).boxed().await
            }
            None => self.upload(blob, bytes, None).boxed().await,
        }
    }

    /// Mounts the blob from where an earlier run has seen it. A hint is tried once: where it is refused
    /// it is forgotten.
    async fn mount_by_hint(&self, blob: &Descriptor) -> Result<Hinted, TransferError> {
        let (registry, repository) =
            (self.destination.registry(), &self.job.destination.repository);
        // What is in the source's own repository already needs no hint.
        if self.trust == Trust::Nothing || self.job.source.registry == *registry {
            return Ok(Hinted::Not(None));
        }
        let Some(hints) = self.hints().await else { return Ok(Hinted::Not(None)) };
        let Some(home) = hints.home(&blob.digest, repository) else {
            return Ok(Hinted::Not(None));
        };
        let _copies = self.seat.copies().await;
        let mount = self.destination.mount_by_hint(repository, &blob.digest, &home);
        match self.unless_interrupted(mount).await? {
            Ok(UploadStart::Present) => {
                hints.held();
                // Hints are of blobs that manifests name.
                if self.destination.mounts_after_manifest() {
                    self.placement.name(registry, &blob.digest);
                }
                Ok(Hinted::Mounted(home))
            }
            Ok(UploadStart::Session(session)) => {
                hints.refuse(&blob.digest);
                Ok(Hinted::Not(Some(session)))
            }
            Err(error) => {
                tracing::debug!("{error}");
                if !error.says_nothing() {
                    hints.refuse(&blob.digest);
                }
                Ok(Hinted::Not(None))
            }
        }
    }

    /// Mounts the blob from `home`. Registries refuse mounts in many ways, none of which keeps an
    /// upload from working.
    async fn mount(
        &self,
        blob: &Descriptor,
        home: &Repository,
    ) -> Result<Option<UploadStart>, TransferError> {
        let _copies = self.seat.copies().await;
        let repository = &self.job.destination.repository;
        let mounted =
            self.unless_interrupted(self.destination.mount(repository, &blob.digest, home)).await?;
        match mounted {
            Ok(start) => Ok(Some(start)),
            Err(error) => {
                tracing::debug!("{error}");
                Ok(None)
            }
        }
    }

    /// Opens an upload, unless the blob turns out to be there.
    pub(super) async fn open_upload(
        &self,
        blob: &Descriptor,
        session: Option<UploadSession>,
    ) -> Result<UploadStart, TransferError> {
        let repository = &self.job.destination.repository;
        let start = match (session, self.trust) {
            (Some(session), _) => return Ok(UploadStart::Session(session)),
            (None, Trust::Probe) => self.destination.probe_upload(repository, blob).await,
            (None, Trust::Nothing) => self.destination.start_upload(repository, blob).await,
        };
        let start = start.map_err(|error| self.at_destination(error))?;
        let found = matches!(start, UploadStart::Present);
        self.placement.looked(self.destination.registry(), repository, found);
        Ok(start)
    }
}
