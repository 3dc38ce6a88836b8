//! Errors of comparisons.

use longshore_store::StoreError;

use crate::error::{JobError, with_missing_project};
use crate::walk::OutOfBounds;

/// An entry could not be compared, as one side gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValidateError {
    /// The destination could not be read.
    #[error("Validate failed: destination: {0}")]
    Destination(#[source] StoreError),
    /// The source could not be read, or nothing at it matches the filter.
    #[error("Validate failed: {0}")]
    Source(#[source] Box<JobError>),
}

impl From<JobError> for ValidateError {
    fn from(error: JobError) -> Self {
        Self::Source(Box::new(error))
    }
}

impl From<OutOfBounds> for ValidateError {
    fn from(error: OutOfBounds) -> Self {
        JobError::from(error).into()
    }
}

impl ValidateError {
    /// Whether a registry cannot be reached from this machine.
    pub(super) fn is_unreachable(&self) -> bool {
        match self {
            Self::Destination(error) => error.is_unreachable(),
            Self::Source(error) => error.is_unreachable(),
        }
    }

    /// Whether another credential may help.
    pub(super) fn is_login(&self) -> bool {
        match self {
            Self::Destination(error) => error.is_login,
            Self::Source(error) => error.is_login(),
        }
    }

    /// Advice for the user.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Destination(error) => {
                error.hint.clone().map(|hint| with_missing_project(hint, error))
            }
            Self::Source(error) => error.hint(),
        }
    }
}
