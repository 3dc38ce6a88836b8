//! Mounts from another repository of the same registry (distribution-spec, "Mounting a blob from
//! another repository").

use crate::upload::session::UploadStart;
use crate::{Cause, Client, RegistryError};
use longshore_oci::{Digest, Repository};

impl Client {
    /// Mounts a blob from the repository `from` of this registry, where it is known to be, or opens a
    /// session instead. It has a single try: whatever keeps it from working does not keep an upload
    /// from working.
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
            Ok(UploadStart::Session(_)) => self.learnt.mount_refused(),
            Err(error) => match &*error.cause {
                Cause::Token { .. } => self.learnt.never_mounts(),
                // What is too busy has not refused.
                Cause::Answered(answer) if !matches!(answer.status, 408 | 429 | 500..) => {
                    self.learnt.mount_refused();
                }
                _ => {}
            },
        }
        started
    }

    /// As [`Self::mount`], from where the blob was in an earlier run. That it is refused says nothing
    /// of the registry.
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
            self.learnt.mounted();
        }
        started
    }
}
