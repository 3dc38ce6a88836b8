//! Places one blob in one repository: by mount, because it exists already, or by upload.

use futures_util::future::FutureExt;
use longshore_oci::Repository;
use longshore_store::{BlobPresence, BlobTransfer, Placed, Source as _, TransferFailure, Trust};

use crate::error::{Cause, Failed as _};
use crate::upload::attempt_error::AttemptError;
use crate::upload::session::{UploadSession, UploadStart};
use crate::{Client, RegistryError};

/// The result of a mount by hint.
enum HintOutcome {
    /// The blob was mounted from this repository.
    Mounted(Repository),
    /// The blob was not mounted; the registry may have opened a session instead.
    NotMounted(Option<UploadSession>),
}

/// How a blob is placed.
enum Strategy {
    /// Mount it from this repository.
    Mount(Repository),
    /// Try a mount by hint, then upload.
    Hint,
    /// Upload it.
    Upload,
}

impl Client {
    /// Ensures that a repository of this registry holds the blob.
    ///
    /// # Errors
    /// If either side failed for good, or the run was interrupted.
    pub(crate) async fn place(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<Placed, TransferFailure> {
        if self.is_intact(transfer).await? {
            return Ok(Placed::Present);
        }
        let (placed, is_certain) = self.place_unchecked(transfer).await?;
        let placed = match is_certain && !transfer.check_size {
            true => placed,
            false => self.checked(transfer, placed).await?,
        };
        if placed != Placed::Present && self.uses_tokens() {
            self.blob_homes.learn(&transfer.blob.digest, transfer.repository);
        }
        Ok(placed)
    }

    /// Places the blob. Also returns whether this run knows the content of a mounted blob.
    async fn place_unchecked(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<(Placed, bool), TransferFailure> {
        let session = match self.strategy(transfer).await {
            Strategy::Mount(home) => match self.mount_from(transfer, &home).await? {
                Some(UploadStart::Present) => {
                    let is_of_source = transfer.source.store.name() == self.name();
                    return Ok((Placed::Mounted(home), !is_of_source));
                }
                Some(UploadStart::Session(session)) => Some(session),
                None => None,
            },
            Strategy::Hint => match self.mount_by_hints(transfer).await? {
                HintOutcome::Mounted(home) => {
                    // Hints are only learnt from manifests, so a manifest in `home` names the blob.
                    self.manifest_homes.learn(&transfer.blob.digest, &home);
                    return Ok((Placed::Mounted(home), false));
                }
                HintOutcome::NotMounted(session) => session,
            },
            Strategy::Upload => None,
        };
        Ok((self.upload_blob(transfer, session).boxed().await?, true))
    }

    /// Compares the size of a blob that was `placed`. A blob of another size is damaged: it is sent again
    /// without a probe. If the size is still wrong after that, the registry keeps the damaged blob, and
    /// this fails.
    async fn checked(
        &self,
        transfer: &BlobTransfer<'_>,
        placed: Placed,
    ) -> Result<Placed, TransferFailure> {
        let Some(mut found) = self.wrong_size(transfer).await? else { return Ok(placed) };
        if placed != Placed::Moved {
            tracing::debug!("{} in {} is damaged", transfer.blob.digest, transfer.repository);
            let again = BlobTransfer { trust: Trust::Nothing, ..transfer.clone() };
            let sent = self.upload_blob(&again, None).boxed().await?;
            match self.wrong_size(transfer).await? {
                None => return Ok(sent),
                Some(still) => found = still,
            }
        }
        let digest = transfer.blob.digest.to_string();
        let operation = self.upload_operation("push blob", transfer.repository, &digest);
        let (digest, expected) = (transfer.blob.digest.clone(), transfer.blob.size);
        let cause = Cause::Damaged { digest, found, expected };
        Err(TransferFailure::Destination(operation.failed(cause).into()))
    }

    /// Whether a forced run finds the blob where it is expected, with its size. It looks before it mounts: a
    /// mount would succeed as well, and look as if something had been missing.
    async fn is_intact(&self, transfer: &BlobTransfer<'_>) -> Result<bool, AttemptError> {
        let is_looked_for = transfer.expected && transfer.trust == Trust::Verify;
        Ok(is_looked_for && self.presence(transfer).await? == Some(BlobPresence::Present))
    }

    /// The size of the blob at the registry, if it is not the descriptor's. A registry that names no size
    /// has not shown damage.
    async fn wrong_size(&self, transfer: &BlobTransfer<'_>) -> Result<Option<u64>, AttemptError> {
        match self.presence(transfer).await? {
            Some(BlobPresence::OtherSize(found)) => Ok(Some(found)),
            _ => Ok(None),
        }
    }

    /// Looks the blob up in its repository; `None` if that fails. The size is only compared if the
    /// descriptor has one.
    async fn presence(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<Option<BlobPresence>, AttemptError> {
        let look = self.look_up_blob(transfer.repository, transfer.blob);
        match unless_interrupted(transfer, look).await? {
            Ok(BlobPresence::OtherSize(_)) if transfer.blob.size == 0 => {
                Ok(Some(BlobPresence::Present))
            }
            Ok(presence) => Ok(Some(presence)),
            Err(error) => {
                tracing::debug!("{error}");
                Ok(None)
            }
        }
    }

    async fn strategy(&self, transfer: &BlobTransfer<'_>) -> Strategy {
        if !self.mounts() || transfer.trust == Trust::Nothing {
            return Strategy::Upload;
        }
        let home = if transfer.source.store.name() == self.name() {
            // Within one registry, the source repository itself is the mount source.
            Some(transfer.source.repository.clone())
        } else {
            let Some(from) = transfer.from else { return Strategy::Hint };
            match self.capabilities().mount_after_manifest {
                // The repository that received the blob first may not have a manifest that names it.
                true => self.manifest_homes.of(&transfer.blob.digest),
                false => Some(from.clone()),
            }
        };
        match home.filter(|home| home != transfer.repository) {
            Some(home) => self.affordable(transfer, home).await,
            None => Strategy::Upload,
        }
    }

    /// Chooses the home of a mount: one that the token at hand allows, else `home` if the blob is
    /// worth another token.
    async fn affordable(&self, transfer: &BlobTransfer<'_>, home: Repository) -> Strategy {
        let (repository, blob) = (transfer.repository, transfer.blob);
        if self.uses_tokens() && !self.tokens.cover_mount(repository, &home).await {
            for other in self.blob_homes.of(&blob.digest) {
                if other != *repository && self.tokens.cover_mount(repository, &other).await {
                    return Strategy::Mount(other);
                }
            }
        }
        match self.is_worth_mounting(repository, &home, blob.size).await {
            true => Strategy::Mount(home),
            false => Strategy::Upload,
        }
    }

    /// Mounts the blob from where an earlier run saw it. A refused hint is forgotten.
    async fn mount_by_hints(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<HintOutcome, AttemptError> {
        let (repository, digest) = (transfer.repository, &transfer.blob.digest);
        let Some(hints) = self.hints_of(repository).await else {
            return Ok(HintOutcome::NotMounted(None));
        };
        let Some(home) = hints.home(digest, repository) else {
            return Ok(HintOutcome::NotMounted(None));
        };
        if !self.is_worth_mounting(repository, &home, transfer.blob.size).await {
            return Ok(HintOutcome::NotMounted(None));
        }
        let mount = self.mount_by_hint(repository, digest, &home);
        match unless_interrupted(transfer, mount).await? {
            Ok(UploadStart::Present) => {
                hints.confirm();
                Ok(HintOutcome::Mounted(home))
            }
            Ok(UploadStart::Session(session)) => {
                hints.refuse(digest);
                Ok(HintOutcome::NotMounted(Some(session)))
            }
            Err(error) => {
                tracing::debug!("{error}");
                if !error.is_inconclusive() {
                    hints.refuse(digest);
                }
                Ok(HintOutcome::NotMounted(None))
            }
        }
    }

    /// Mounts the blob from `home`.
    ///
    /// Registries refuse mounts in many ways; none of them prevents an upload.
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

    /// Opens an upload session, unless the blob turns out to exist.
    pub(crate) async fn open_upload(
        &self,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
    ) -> Result<UploadStart, RegistryError> {
        let (repository, blob) = (transfer.repository, transfer.blob);
        let start = match (session, transfer.trust) {
            (Some(session), _) => return Ok(UploadStart::Session(session)),
            (None, Trust::Probe | Trust::Verify) => self.probe_upload(repository, blob).await?,
            (None, Trust::Nothing) => self.start_upload(repository, blob).await?,
        };
        self.probes.record(repository, matches!(start, UploadStart::Present));
        Ok(start)
    }
}

/// Runs `work` until the run is interrupted.
///
/// The work is boxed because thousands of futures hold one of these.
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
