//! Why an entry could not be compared.

use crate::registry::RegistryError;
use crate::transfer::TransferError;

/// A side gave no answer that says anything of the destination.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValidateError {
    /// The destination could not be read.
    #[error("Validate failed: destination: {0}")]
    Destination(#[source] RegistryError),
    /// The source could not be read, or nothing of it satisfies the filter.
    #[error("Validate failed: {0}")]
    Source(#[from] TransferError),
}

impl ValidateError {
    /// What a person can do about it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Destination(error) => error.hint(),
            Self::Source(error) => error.hint(),
        }
    }
}
