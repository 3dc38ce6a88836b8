//! Placing one blob in one repository: mounted, found, or uploaded.

use futures_util::future::FutureExt;
use longshore_oci::Repository;
use longshore_store::{BlobTransfer, Placed, Source as _, TransferFailure, Trust};

use crate::upload::attempt_error::AttemptError;
use crate::upload::session::{UploadSession, UploadStart};
use crate::{Client, RegistryError};

/// What came of a hint.
enum Hinted {
    /// The blob was mounted from this repository.
    Mounted(Repository),
    /// It was not; perhaps there is a session instead.
    Not(Option<UploadSession>),
}

/// What there is to do with a blob.
enum Way {
    /// Mount it from this repository.
    Mount(Repository),
    /// Ask what earlier runs have seen, then upload.
    Hint,
    /// Upload it.
    Upload,
}

impl Client {
    /// Makes a blob be in a repository of this registry.
    ///
    /// # Errors
    /// Either side failed for good, or the run was interrupted.
    pub(crate) async fn place(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<Placed, TransferFailure> {
        let session = match self.way(transfer) {
            Way::Mount(home) => match self.mount_from(transfer, &home).await? {
                Some(UploadStart::Present) => return Ok(Placed::Mounted(home)),
                Some(UploadStart::Session(session)) => Some(session),
                None => None,
            },
            Way::Hint => match self.mount_by_hints(transfer).await? {
                Hinted::Mounted(home) => {
                    // Hints are of blobs that manifests name.
                    self.named.learn(&transfer.blob.digest, &home);
                    return Ok(Placed::Mounted(home));
                }
                Hinted::Not(session) => session,
            },
            Way::Upload => None,
        };
        Ok(self.upload_blob(transfer, session).boxed().await?)
    }

    fn way(&self, transfer: &BlobTransfer<'_>) -> Way {
        if !self.mounts() || transfer.trust == Trust::Nothing {
            return Way::Upload;
        }
        if transfer.source.store.name() == self.name() {
            // What is in the source's own repository already needs no hint.
            return match transfer.source.repository {
                same if same == transfer.repository => Way::Upload,
                other => Way::Mount(other.clone()),
            };
        }
        let Some(from) = transfer.from else { return Way::Hint };
        let home = match self.traits().mount_after_manifest {
            // Where it was brought first, perhaps no manifest names it.
            true => self.named.of(&transfer.blob.digest),
            false => Some(from.clone()),
        };
        match home.filter(|home| home != transfer.repository) {
            Some(home) => Way::Mount(home),
            None => Way::Upload,
        }
    }

    /// Mounts the blob from where an earlier run has seen it. A hint is tried once: where it is refused
    /// it is forgotten.
    async fn mount_by_hints(&self, transfer: &BlobTransfer<'_>) -> Result<Hinted, AttemptError> {
        let (repository, digest) = (transfer.repository, &transfer.blob.digest);
        let Some(hints) = self.hints_of(repository).await else {
            return Ok(Hinted::Not(None));
        };
        let Some(home) = hints.home(digest, repository) else { return Ok(Hinted::Not(None)) };
        let mount = self.mount_by_hint(repository, digest, &home);
        match unless_interrupted(transfer, mount).await? {
            Ok(UploadStart::Present) => {
                hints.held();
                Ok(Hinted::Mounted(home))
            }
            Ok(UploadStart::Session(session)) => {
                hints.refuse(digest);
                Ok(Hinted::Not(Some(session)))
            }
            Err(error) => {
                tracing::debug!("{error}");
                if !error.says_nothing() {
                    hints.refuse(digest);
                }
                Ok(Hinted::Not(None))
            }
        }
    }

    /// Mounts the blob from `home`. Registries refuse mounts in many ways, none of which keeps an
    /// upload from working.
    async fn mount_from(
        &self,
        transfer: &BlobTransfer<'_>,
        home: &Repository,
    ) -> Result<Option<UploadStart>, AttemptError> {
        let mount = self.mount(transfer.repository, &transfer.blob.digest, home);
        match unless_interrupted(transfer, mount).await? {
            Ok(start) => Ok(Some(start)),
            Err(error) => {
                tracing::debug!("{error}");
                Ok(None)
            }
        }
    }

    /// Opens an upload, unless the blob turns out to be there.
    pub(crate) async fn open_upload(
        &self,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
    ) -> Result<UploadStart, RegistryError> {
        let (repository, blob) = (transfer.repository, transfer.blob);
        let start = match (session, transfer.trust) {
            (Some(session), _) => return Ok(UploadStart::Session(session)),
            (None, Trust::Probe) => self.probe_upload(repository, blob).await?,
            (None, Trust::Nothing) => self.start_upload(repository, blob).await?,
        };
        self.looks.looked(repository, matches!(start, UploadStart::Present));
        Ok(start)
    }
}

/// Does `work`, unless the run is interrupted before it ends. The work is boxed: there are thousands of
/// futures that hold one of these.
pub(crate) fn unless_interrupted<'a, T: 'a>(
    transfer: &BlobTransfer<'a>,
    work: impl Future<Output = T> + Send + 'a,
) -> impl Future<Output = Result<T, AttemptError>> + Send + 'a {
    let mut work = Box::pin(work);
    let mut interrupt = transfer.interrupt.clone();
    async move {
        tokio::select! {
            biased;
            () = interrupt.raised() => Err(AttemptError::Interrupted),
            done = &mut work => Ok(done),
        }
    }
}
