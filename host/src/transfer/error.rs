//! Why a job failed.

use crate::oci::Digest;
use crate::registry::RegistryError;

/// A job failed; the message says on which side, at what and why.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TransferError {
    /// At the source.
    #[error("source: {0}")]
    Source(#[source] RegistryError),
    /// At the destination.
    #[error("destination: {0}")]
    Destination(#[source] RegistryError),
    /// At the destination, after its preparation had failed too.
    #[error("destination: {error}; before that the repository type said: {hook}")]
    Unprepared {
        /// What the push was answered.
        #[source]
        error: RegistryError,
        /// What the preparation was answered.
        hook: String,
    },
    /// Nothing satisfies the platform filter, and that is to be a failure.
    #[error("no platform of the source satisfies the filter ({0})")]
    NoPlatform(String),
    /// The destination's tag may not change and holds something else.
    #[error("the destination's tag is immutable and holds {}", .0.as_ref().map_or("another digest".to_owned(), ToString::to_string))]
    ImmutableTag(Option<Digest>),
    /// Indexes, or referrers of referrers, are nested deeper than anybody means.
    #[error("source: indexes or referrers are nested deeper than {0}")]
    TooDeep(usize),
    /// An index has more children than anybody means.
    #[error("source: the index names more than {0} manifests")]
    TooManyChildren(usize),
    /// The run was interrupted before everything was there.
    #[error("interrupted")]
    Interrupted,
    /// More refers to an image than anybody means.
    #[error("source: more than {0} manifests refer to the image")]
    TooManyReferrers(usize),
    /// The index of what was selected cannot be built.
    #[error("source: the index cannot be rebuilt: {0}")]
    Rebuild(String),
}

impl TransferError {
    /// What a registry answered, if that is why.
    pub const fn of_registry(&self) -> Option<&RegistryError> {
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
                error.hint()
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
