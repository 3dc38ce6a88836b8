//! Why a text is not a reference, or not a part of one.

use super::DigestError;

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// There is nothing.
    #[error("reference is empty")]
    Empty,
    /// A URL was given where a reference is wanted.
    #[error("reference {0:?} has a scheme; write it without one")]
    Scheme(String),
    /// No registry is named where one is needed.
    #[error("reference {0:?} names no registry")]
    NoRegistry(String),
    /// A folder of layouts stands where only `-s` and `-d` may name one.
    #[error("reference {0:?} begins with a folder of image layouts, which only -s and -d name")]
    Folder(String),
    /// The registry is no `host[:port]`.
    #[error("registry {text:?} is invalid: {why}")]
    Registry {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The repository breaks the grammar.
    #[error("repository {text:?} is invalid: {why}")]
    Repository {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The tag breaks the grammar.
    #[error(
        "tag {0:?} is invalid: a tag has at most 128 letters, digits, '_', '.' and '-' and starts with none of the last two"
    )]
    Tag(String),
    /// The digest is broken.
    #[error(transparent)]
    Digest(#[from] DigestError),
}
