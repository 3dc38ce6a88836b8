//! Errors of references and their parts.

use super::DigestError;

/// Why a text is not a valid reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The text is empty.
    #[error("reference is empty")]
    Empty,
    /// The text is a URL.
    #[error("reference {0:?} has a scheme; write it without one")]
    Scheme(String),
    /// The text has a user name or a password, which is not shown.
    #[error("reference {0:?} has a user name; leave it out, and log in with longshore login")]
    Account(String),
    /// The registry is missing.
    #[error("reference {0:?} names no registry")]
    NoRegistry(String),
    /// The text is the ID of an image in a container engine.
    #[error("reference {0:?} is an image ID, which no registry knows")]
    ImageId(String),
    /// The reference starts with a folder of layouts, which only `-s` and `-d` may name.
    #[error("reference {0:?} starts with a folder of image layouts, which only -s and -d may name")]
    Folder(String),
    /// The registry is not `host[:port]`.
    #[error("registry {text:?} is invalid: {why}")]
    Registry {
        /// The text.
        text: String,
        /// The reason.
        why: &'static str,
    },
    /// The repository is not valid.
    #[error("repository {text:?} is invalid: {why}")]
    Repository {
        /// The text.
        text: String,
        /// The reason.
        why: &'static str,
    },
    /// The tag is not valid.
    #[error(
        "tag {0:?} is invalid: a tag has at most 128 letters, digits, '_', '.' and '-', and must not start with '.' or '-'"
    )]
    Tag(String),
    /// The digest is not valid.
    #[error(transparent)]
    Digest(#[from] DigestError),
}
