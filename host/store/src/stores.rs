//! The stores of a run, by their names.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use longshore_oci::StoreName;

use super::{Destination, Source, StoreError};

/// What a run had to do more than once, or to wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Requests that were made again.
    pub retries: u64,
    /// Pauses that stores asked for.
    pub pauses: u64,
    /// How long these were together.
    pub paused: Duration,
}

/// The stores of a run. Each is opened once, however many jobs name it.
pub trait Stores: Send + Sync {
    /// The store of this name, to read from.
    ///
    /// # Errors
    /// Where it cannot be opened. A registry always can: what is wrong with it, its first request
    /// reports.
    fn source(&self, name: &StoreName) -> Result<Arc<dyn Source>, StoreError>;

    /// The store of this name, to write to.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn destination(&self, name: &StoreName) -> Result<Arc<dyn Destination>, StoreError>;

    /// Keeps for later runs what this one has learnt of the stores; whatever keeps that from working,
    /// nothing is lost that is needed.
    fn finish(&self) -> BoxFuture<'_, ()>;

    /// What had to be done more than once until now.
    fn effort(&self) -> Effort;
}
