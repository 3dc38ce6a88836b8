//! The stores of a run, by name.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use longshore_oci::StoreName;
use serde::{Deserialize, Serialize};

use super::{Destination, Source, StoreError};

/// The retries and pauses of a run, by store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Each store with a retry or a pause, by name.
    pub stores: Vec<StoreEffort>,
}

/// The retries and pauses of a run at one store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreEffort {
    /// The name of the store.
    pub name: String,
    /// Requests that were retried.
    pub retries: u64,
    /// Pauses, because the store throttled requests.
    pub pauses: u64,
    /// The total length of the pauses.
    pub paused: Duration,
    /// The first pauses, by start.
    pub spans: Vec<PauseSpan>,
}

impl StoreEffort {
    /// Says whether the store needed neither a retry nor a pause.
    pub const fn is_none(&self) -> bool {
        self.retries == 0 && self.pauses == 0
    }
}

/// One pause of a throttled store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseSpan {
    /// How long ago the pause started.
    pub ago: Duration,
    /// Its length.
    pub length: Duration,
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
