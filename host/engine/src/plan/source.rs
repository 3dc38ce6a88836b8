//! Flags that replace parts of every source.

use longshore_oci::{Name, ReferenceError, Repository, StoreName};

/// What replaces parts of every source.
#[derive(Clone, Debug, Default)]
pub struct SourceOverride {
    /// `-s`: replaces the store.
    pub store: Option<StoreName>,
    /// `--source-project`: replaces the first component of the repository.
    pub project: Option<Repository>,
}

impl SourceOverride {
    /// Completes a source, as [`Name::completed`] does, with the project.
    ///
    /// # Errors
    /// If the completed repository is too long.
    pub(super) fn complete(&self, name: Name) -> Result<(StoreName, Repository), ReferenceError> {
        let repository = match &self.project {
            Some(project) => name.repository.with_project(project)?,
            None => name.repository,
        };
        Name { repository, ..name }.completed(self.store.as_ref())
    }
}
