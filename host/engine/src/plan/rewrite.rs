//! Rewrites, which change destinations before the copy.

use futures_util::future::BoxFuture;

use crate::list::Attribute;

/// The input of a rewrite for one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewriteItem {
    /// The source, as a complete reference.
    pub source: String,
    /// The current destination, as a complete reference.
    pub destination: String,
    /// The attributes that the list format defines.
    pub attributes: Vec<Attribute>,
}

/// The answer of a rewrite for one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteVerdict {
    /// The new destination.
    Destination(String),
    /// Skip the entry, for this reason.
    Skip(String),
    /// Fail the entry, for this reason.
    Refuse(String),
}

/// A rewrite failed as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RewriteError {
    /// What failed and why; fits after "failed to".
    pub message: String,
    /// Advice for the user.
    pub hint: Option<String>,
}

/// Changes destinations; usually a plugin.
pub trait Rewrite: Send + Sync {
    /// Its name for messages.
    fn name(&self) -> &str;

    /// The preferred number of entries per call, at least 1.
    fn batch(&self) -> usize;

    /// True if it only skips or refuses entries, and so changes nothing if all is well.
    fn only_checks(&self) -> bool {
        false
    }

    /// Returns one verdict for each of `items`, in their order.
    ///
    /// # Errors
    /// If the rewrite fails as a whole.
    fn apply(
        &self,
        items: Vec<RewriteItem>,
    ) -> BoxFuture<'_, Result<Vec<RewriteVerdict>, RewriteError>>;
}
