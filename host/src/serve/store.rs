//! The repositories that are served.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::oci::Repository;

use super::disk::Disk;
use super::layout::Layout;

/// All repositories of a folder; each is read when it is first asked for.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) disk: Arc<Disk>,
    layouts: Mutex<HashMap<Repository, Arc<Layout>>>,
}

impl Store {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self { disk, layouts: Mutex::default() }
    }

    /// The layout of a repository. A name that nothing was pushed to gets one that is forgotten
    /// again, so that asking for names that do not exist costs no memory.
    pub(super) fn layout(&self, repository: &Repository) -> Arc<Layout> {
        if let Some(layout) = lock(&self.layouts).get(repository) {
            return Arc::clone(layout);
        }
        let directory = self.disk.directory(repository);
        if directory.join("index.json").is_file() {
            return self.layout_to_change(repository);
        }
        Layout::new(Arc::clone(&self.disk), directory)
    }

    /// The layout of a repository that is about to be there.
    pub(super) fn layout_to_change(&self, repository: &Repository) -> Arc<Layout> {
        let make = || Layout::new(Arc::clone(&self.disk), self.disk.directory(repository));
        Arc::clone(lock(&self.layouts).entry(repository.clone()).or_insert_with(make))
    }
}

/// Locks; what panicked elsewhere while it held the lock left no invariant broken.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
