//! Rewrites: what changes destinations before anything is copied.

use futures_util::future::BoxFuture;

use crate::list::Attribute;

/// One entry that a rewrite is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteItem {
    /// The source as a complete reference.
    pub source: String,
    /// The destination so far as a complete reference.
    pub destination: String,
    /// What the list's format says of the entry.
    pub attributes: Vec<Attribute>,
}

/// What a rewrite answers about one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteVerdict {
    /// The entry goes to this reference.
    Destination(String),
    /// The entry is left out, and why.
    Skip(String),
    /// The entry fails, and why.
    Refuse(String),
}

/// A rewrite as a whole failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RewriteError {
    /// What failed and why; it reads well behind "failed to".
    pub message: String,
    /// What a person can do about it.
    pub hint: Option<String>,
}

/// Something that changes destinations: a plugin, most likely.
pub trait Rewrite: Send + Sync {
    /// Its name in messages.
    fn name(&self) -> &str;

    /// How many entries it is best asked about at once, at least 1.
    fn batch(&self) -> usize;

    /// Answers with one verdict for each of `items`, in their order.
    ///
    /// # Errors
    /// Where it fails as a whole.
    fn apply(
        &self,
        items: Vec<RewriteItem>,
    ) -> BoxFuture<'_, Result<Vec<RewriteVerdict>, RewriteError>>;
}
