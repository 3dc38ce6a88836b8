//! The error of an upload attempt, by side.

use longshore_store::{StoreError, TransferFailure};

use crate::RegistryError;

/// The error of an attempt to place a blob, by side.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AttemptError {
    #[error("source: {0}")]
    Source(#[source] StoreError),
    #[error("destination: {0}")]
    Destination(#[source] RegistryError),
    #[error("interrupted")]
    Interrupted,
}

impl From<AttemptError> for TransferFailure {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Source(error) => Self::Source(error),
            AttemptError::Destination(error) => Self::Destination(error.into()),
            AttemptError::Interrupted => Self::Interrupted,
        }
    }
}
