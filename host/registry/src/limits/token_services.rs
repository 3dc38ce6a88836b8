//! The windows of token services.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::permit::{Permits, Windows};

/// The windows of a run's token services, by origin. Token requests do not count against a
/// registry.
#[derive(Debug)]
pub(crate) struct TokenServices {
    permits: Permits,
    windows: Mutex<HashMap<String, Arc<Windows>>>,
}

impl TokenServices {
    /// Starts without any token service.
    pub(crate) fn new(permits: Permits) -> Self {
        Self { permits, windows: Mutex::default() }
    }

    /// Returns the windows of the service at `origin`.
    pub(crate) fn of(&self, origin: &str) -> Arc<Windows> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = windows.get(origin) {
            return Arc::clone(known);
        }
        let new = Arc::new(self.permits.register());
        windows.insert(origin.to_owned(), Arc::clone(&new));
        new
    }
}
