//! Why an entry could not be compared.

use longshore_store::StoreError;

use crate::error::JobError;
use crate::walk::OutOfBounds;

/// A side gave no answer that says anything of the destination.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValidateError {
    /// The destination could not be read.
    #[error("Validate failed: destination: {0}")]
    Destination(#[source] StoreError),
    /// The source could not be read, or nothing of it satisfies the filter.
    #[error("Validate failed: {0}")]
    Source(#[from] JobError),
}

impl From<OutOfBounds> for ValidateError {
    fn from(error: OutOfBounds) -> Self {
        Self::Source(error.into())
    }
}

impl ValidateError {
    /// What a person can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Destination(error) => error.hint.clone(),
            Self::Source(error) => error.hint(),
        }
    }
}
