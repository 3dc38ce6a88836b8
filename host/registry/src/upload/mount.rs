//! Mounts from another repository of the same registry (distribution-spec, "Mounting a blob from
//! another repository").

use crate::upload::session::UploadStart;
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Digest, Repository};

impl Client {
    /// Mounts a blob from the repository `from`, which is known to hold it, or opens an upload
    /// session.
    ///
    /// There is no retry: after a failed mount, the blob can still be uploaded.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer without a usable location.
    pub(crate) async fn mount(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: &Repository,
    ) -> Result<UploadStart, RegistryError> {
        let started = self.mount_by_hint(repository, digest, from).await;
        match &started {
            Ok(UploadStart::Present) => {}
            Ok(UploadStart::Session(_)) => self.observed.mount_refused(),
            Err(error) => match &*error.cause {
                Cause::Token { .. } => self.observed.never_mounts(),
                // An overloaded registry has not refused the mount.
                Cause::Answered(answer) if !matches!(answer.status, 408 | 429 | 500..) => {
                    self.observed.mount_refused();
                }
                _ => {}
            },
        }
        started
    }

    /// Like [`Self::mount`], from a repository that held the blob in an earlier run.
    ///
    /// A refusal does not count against the registry, as the hint may be stale.
    ///
    /// # Errors
    /// A refusal, no answer, or an answer without a usable location.
    pub(crate) async fn mount_by_hint(
        &self,
        repository: &Repository,
        digest: &Digest,
        from: &Repository,
    ) -> Result<UploadStart, RegistryError> {
        let started = self.start(repository, digest, Some(from), None).await;
        if matches!(started, Ok(UploadStart::Present)) {
            self.observed.mounted();
            self.tokens.mounted_from(from);
        }
        started
    }

    /// Whether a mount of a blob of `size` bytes from `home` is cheaper than its upload. A mount that
    /// needs another token may not be.
    pub(crate) async fn is_worth_mounting(
        &self,
        repository: &Repository,
        home: &Repository,
        size: u64,
    ) -> bool {
        !self.uses_tokens()
            || self.tokens.cost.is_worth_a_token(size)
            || self.tokens.cover_mount(repository, home).await
    }
}
