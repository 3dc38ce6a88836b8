//! Homes of blobs that several processes share, so that one of them uploads each blob.
//!
//! The map of a process (`known_content.rs`) asks here before it sends a blob that it knows no home of.

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use longshore_oci::{Descriptor, Repository, StoreName};

/// Decides which of several processes places a blob in a store.
pub trait SharedHomes: Debug + Send + Sync {
    /// Claims `blob` in `store`. Waits while another process holds the claim.
    ///
    /// This never fails: if the processes cannot agree, each sends the blob itself.
    fn claim<'a>(&'a self, store: &'a StoreName, blob: &'a Descriptor)
    -> BoxFuture<'a, SharedHome>;
}

/// The answer to a claim.
#[derive(Debug)]
pub enum SharedHome {
    /// This process places the blob.
    Claimed(Box<dyn HomeClaim>),
    /// Another process has placed the blob.
    Placed {
        /// The repository that holds it.
        repository: Repository,
        /// Whether that process wrote it there, or compared its size.
        is_checked: bool,
    },
}

/// A claim that this process holds. It is given up on drop.
pub trait HomeClaim: Debug + Send {
    /// Tells the other processes that `repository` holds the blob; `is_checked` if this process wrote it
    /// there or compared its size.
    fn placed(self: Box<Self>, repository: Repository, is_checked: bool) -> BoxFuture<'static, ()>;
}
