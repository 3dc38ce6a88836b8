//! What goes wrong with a store: the operation, and the cause.

use std::fmt;
use std::time::Duration;

use longshore_oci::{Digest, ManifestError};

/// What was being done, and to what: it reads well behind "failed to".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Such as `fetch manifest`.
    pub verb: &'static str,
    /// A reference, a blob of a repository, or a host.
    pub target: String,
}

impl Operation {
    /// `verb` done to `target`.
    pub fn new(verb: &'static str, target: impl fmt::Display) -> Self {
        Self { verb, target: target.to_string() }
    }

    /// The content that was read is not what it should be.
    pub fn wrong_content(self, fault: Fault) -> StoreError {
        let message = fault.to_string();
        StoreError::new(self, fault, message)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.target)
    }
}

/// The kinds of fault that the engine tells apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The store does not have it.
    #[error("not found")]
    NotFound,
    /// The store refuses the request, and would refuse it again.
    #[error("refused")]
    Refused,
    /// The store lacks content that a manifest names which it was to take.
    #[error("content that the manifest names is missing")]
    MissingContent,
    /// The tag may not be changed.
    #[error("the tag is immutable")]
    ImmutableTag,
    /// The content has another digest than it should have.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// The content has another length than its descriptor says.
    #[error("content has {found} bytes, expected {expected}")]
    Size {
        /// Bytes expected.
        expected: u64,
        /// Bytes that arrived, or were announced.
        found: u64,
    },
    /// The content is not a manifest that can be mirrored.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The connection broke, so that nobody knows what became of the request.
    #[error("the connection broke")]
    Broken,
    /// Anything else: no connection, a full disk, a rate limit.
    #[error("it failed")]
    Other,
}

/// An operation on a store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct StoreError {
    /// What was being done.
    pub operation: Operation,
    /// What kind of fault it was.
    pub fault: Box<Fault>,
    /// The cause in words.
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// The same request may succeed later.
    pub transient: bool,
    /// The store says that there are too many requests.
    pub rate_limited: bool,
    /// How long the store asked to wait.
    pub retry_after: Option<Duration>,
}

impl StoreError {
    /// An error that is final, without a hint.
    pub fn new(operation: Operation, fault: Fault, message: impl Into<String>) -> Self {
        // Content that was damaged on its way may arrive whole the next time.
        let transient = matches!(fault, Fault::Digest { .. } | Fault::Size { .. });
        Self {
            operation,
            fault: Box::new(fault),
            message: message.into(),
            hint: None,
            transient,
            rate_limited: false,
            retry_after: None,
        }
    }

    /// The same error with advice.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Did the store say that it does not have it?
    pub fn is_not_found(&self) -> bool {
        matches!(*self.fault, Fault::NotFound)
    }

    /// Did the store refuse for good: because it is not there, is not allowed, or cannot be done?
    pub fn is_refused(&self) -> bool {
        matches!(
            *self.fault,
            Fault::NotFound | Fault::Refused | Fault::MissingContent | Fault::ImmutableTag
        )
    }

    /// Is the content that arrived not what its digest and size say?
    pub fn is_wrong_content(&self) -> bool {
        matches!(*self.fault, Fault::Digest { .. } | Fault::Size { .. })
    }
}
