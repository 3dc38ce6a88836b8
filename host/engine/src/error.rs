//! Why a job failed.

use longshore_oci::Digest;
use longshore_store::{StoreError, TransferFailure};

use crate::walk::OutOfBounds;

/// A job failed; the message says on which side, at what and why.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JobError {
    /// At the source.
    #[error("source: {0}")]
    Source(#[source] StoreError),
    /// At the destination.
    #[error("destination: {0}")]
    Destination(#[source] StoreError),
    /// At the destination, after its preparation had failed too.
    #[error("destination: {error}; before that the repository type said: {hook}")]
    Unprepared {
        /// What the push was answered.
        #[source]
        error: StoreError,
        /// What the preparation was answered.
        hook: String,
    },
    /// Nothing satisfies the platform filter, and that is to be a failure.
    #[error("no platform of the source satisfies the filter ({0})")]
    NoPlatform(String),
    /// The destination's tag may not change and holds something else.
    #[error("the destination's tag is immutable and holds {}", .0.as_ref().map_or("another digest".to_owned(), ToString::to_string))]
    ImmutableTag(Option<Digest>),
    /// Indexes or referrers exceed what the walk of a graph allows.
    #[error("source: {0}")]
    OutOfBounds(#[from] OutOfBounds),
    /// The run was interrupted before everything was there.
    #[error("interrupted")]
    Interrupted,
    /// The index of what was selected cannot be built.
    #[error("source: the index cannot be rebuilt: {0}")]
    Rebuild(String),
}

impl From<TransferFailure> for JobError {
    fn from(failure: TransferFailure) -> Self {
        match failure {
            TransferFailure::Source(error) => Self::Source(error),
            TransferFailure::Destination(error) => Self::Destination(error),
            TransferFailure::Interrupted => Self::Interrupted,
        }
    }
}

impl JobError {
    /// What a store answered, if that is why.
    pub const fn of_store(&self) -> Option<&StoreError> {
        match self {
            Self::Source(error) | Self::Destination(error) | Self::Unprepared { error, .. } => {
                Some(error)
            }
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) | Self::Destination(error) | Self::Unprepared { error, .. } => {
                error.hint.clone()
            }
            Self::NoPlatform(_) => Some(
                "give other values with --arch and --os, or leave --no-arch-os-fail out".to_owned(),
            ),
            Self::ImmutableTag(_) => Some(
                "mirror it under another tag, or lift the registry's rule for this one".to_owned(),
            ),
            _ => None,
        }
    }
}
