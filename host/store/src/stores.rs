//! The stores of a run, by name.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use longshore_oci::StoreName;

use super::{Destination, Source, StoreError};

/// The retries and pauses of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Requests that were retried.
    pub retries: u64,
    /// Pauses for throttled stores.
    pub pauses: u64,
    /// The total length of the pauses.
    pub paused: Duration,
}

/// The stores of a run. Each is opened once, however many jobs name it.
pub trait Stores: Send + Sync {
    /// Opens the store with this name as a source.
    ///
    /// # Errors
    /// If it cannot be opened. Opening a registry never fails; its first request reports errors.
    fn source(&self, name: &StoreName) -> Result<Arc<dyn Source>, StoreError>;

    /// Opens the store with this name as a destination.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn destination(&self, name: &StoreName) -> Result<Arc<dyn Destination>, StoreError>;

    /// Saves hints for later runs. Failures only cost later runs a saving.
    fn finish(&self) -> BoxFuture<'_, ()>;

    /// The retries and pauses until now.
    fn effort(&self) -> Effort;
}
