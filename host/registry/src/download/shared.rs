//! What the downloads of a run share.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::http::connection::Connections;
use crate::retry::{RetryBudget, RetryStats};

/// Options for the TLS connections to one file server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FileTls {
    /// A file with further roots.
    pub roots: Option<PathBuf>,
    /// The files of a client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether certificates are not verified.
    pub unverified: bool,
}

/// What the downloads of a run share.
pub(crate) struct Downloads {
    pub(super) budget: Arc<RetryBudget>,
    /// Connections by host and options.
    pub(super) connections: Mutex<HashMap<(String, FileTls), Arc<Connections>>>,
}

impl Downloads {
    pub(crate) fn new(budget: RetryBudget) -> Self {
        Self { budget: Arc::new(budget), connections: Mutex::default() }
    }

    /// The retries of all downloads.
    pub(crate) fn effort(&self) -> &RetryStats {
        &self.budget.effort
    }
}

impl fmt::Debug for Downloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Downloads")
    }
}
