//! Errors of stores: the operation and the cause.

use std::fmt;
use std::time::Duration;

use longshore_oci::{Digest, ManifestError};

/// An operation and its object; fits after "failed to".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The verb, such as `fetch manifest`.
    pub verb: &'static str,
    /// The object: a reference, a blob of a repository, or a host.
    pub target: String,
}

impl Operation {
    /// Makes an operation of a verb and its object.
    pub fn new(verb: &'static str, target: impl fmt::Display) -> Self {
        Self { verb, target: target.to_string() }
    }

    /// The error for content that is not as expected.
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

/// The kinds of errors that the engine distinguishes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The store does not have the object.
    #[error("not found")]
    NotFound,
    /// The project or namespace of the repository does not exist, and no push creates it.
    #[error("the project does not exist")]
    NoNamespace,
    /// The store refuses the request, and would refuse a retry.
    #[error("refused")]
    Refused,
    /// The store lacks content that the pushed manifest names.
    #[error("content that the manifest names is missing")]
    MissingContent,
    /// The tag is immutable.
    #[error("the tag is immutable")]
    ImmutableTag,
    /// The content has another digest than expected.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// The requested digest.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The content's size differs from its descriptor.
    #[error("content has {found} bytes, expected {expected}")]
    Size {
        /// The expected size, in bytes.
        expected: u64,
        /// The received or announced size, in bytes.
        found: u64,
    },
    /// The content is not a manifest that can be mirrored.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The connection broke, so that the request may or may not have been processed.
    #[error("the connection broke")]
    Broken,
    /// No connection to the store can be made.
    #[error("it cannot be reached")]
    Unreachable,
    /// Any other error: a full disk, a rate limit.
    #[error("it failed")]
    Other,
}

/// Says where docker-registry keeps the content with `digest`, for somebody who must delete it by hand.
pub fn kept_by_distribution(digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm().name(), digest.hex());
    format!("docker-registry keeps it in docker/registry/v2/blobs/{algorithm}/{}/{hex}", &hex[..2])
}

/// Advice for a process whose error says that it has no more file descriptors (`EMFILE`, `ENFILE`).
pub fn out_of_files(error: &str) -> Option<&'static str> {
    // Linux and macOS number these errors alike.
    let is_out = ["(os error 24)", "(os error 23)"].iter().any(|code| error.contains(code));
    is_out.then_some("raise the limit of open files (ulimit -n), or run fewer jobs with -j")
}

/// Advice after a refusal by a registry that refuses a missing project as if the account lacked a right, as Harbor does.
pub const MISSING_PROJECT: &str =
    "if its project is missing, --repo-type harbor creates it (auto asks the registry what it is)";

/// Advice for a blob or a manifest that a manifest of the same store names, and that the store does not have.
pub const LOST_CONTENT: &str = "a manifest there names this content, but the content is lost: push the image there again, or take it from elsewhere";

/// An operation on a store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct StoreError {
    /// The operation.
    pub operation: Operation,
    /// The kind of error.
    pub fault: Box<Fault>,
    /// The cause.
    pub message: String,
    /// Advice for the user.
    pub hint: Option<String>,
    /// Whether another credential may help.
    pub is_login: bool,
    /// Whether no credential was tried, and one may help.
    pub lacks_login: bool,
    /// Whether the same request may succeed later.
    pub transient: bool,
    /// Whether the store is rate limiting requests.
    pub rate_limited: bool,
    /// The wait that the store asked for.
    pub retry_after: Option<Duration>,
}

impl StoreError {
    /// Makes an error; only a lack of file descriptors has a hint. It is final, unless the content was wrong.
    pub fn new(operation: Operation, fault: Fault, message: impl Into<String>) -> Self {
        // Content that was corrupted on the way may arrive intact the next time.
        let transient = matches!(fault, Fault::Digest { .. } | Fault::Size { .. });
        let message = message.into();
        Self {
            operation,
            fault: Box::new(fault),
            hint: out_of_files(&message).map(str::to_owned),
            message,
            is_login: false,
            lacks_login: false,
            transient,
            rate_limited: false,
            retry_after: None,
        }
    }

    /// Adds a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Whether the store does not have the object.
    pub fn is_not_found(&self) -> bool {
        matches!(*self.fault, Fault::NotFound | Fault::NoNamespace)
    }

    /// Whether no connection to the store can be made.
    pub fn is_unreachable(&self) -> bool {
        *self.fault == Fault::Unreachable
    }

    /// Whether the store refused for good: the object is missing, or the request is forbidden or
    /// impossible.
    pub fn is_refused(&self) -> bool {
        matches!(
            *self.fault,
            Fault::NotFound
                | Fault::NoNamespace
                | Fault::Refused
                | Fault::MissingContent
                | Fault::ImmutableTag
        )
    }

    /// Whether the content did not match its digest or size.
    pub fn is_wrong_content(&self) -> bool {
        matches!(*self.fault, Fault::Digest { .. } | Fault::Size { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Operation, StoreError, out_of_files};

    #[test]
    fn a_lack_of_file_descriptors_has_its_own_advice() {
        for number in [23, 24] {
            let error = std::io::Error::from_raw_os_error(number).to_string();
            assert!(error.starts_with("Too many open files"), "{error}");
            assert!(out_of_files(&format!("read x: {error}")).is_some(), "{error}");
            let error = StoreError::new(Operation::new("read", "x"), Fault::Other, error);
            assert!(error.hint.unwrap().contains("ulimit -n"));
        }
        let other = std::io::Error::from_raw_os_error(2).to_string();
        assert_eq!(StoreError::new(Operation::new("read", "x"), Fault::Other, other).hint, None);
    }
}
