//! The repositories of a folder.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use longshore_oci::{Digest, Repository};

use super::blocking::{blocking, lock};
use super::contents::Contents;
use super::disk::{Disk, OpenError};
use super::incoming_blob::IncomingBlob;
use super::layout::Layout;

/// How many files may be hashed at once. Blobs whose digests share a lock wait for each other.
const HASHING: usize = 64;

/// A folder with one image layout per repository. Each index is read when it is first asked for.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(super) disk: Arc<Disk>,
    layouts: Mutex<HashMap<Repository, Arc<Layout>>>,
    /// Each lock is held while a file is hashed, so that many requests for one blob read it only once.
    hashing: [tokio::sync::Mutex<()>; HASHING],
}

impl Folder {
    /// Opens the folder at `root` to read it; nothing is created there. Blocks.
    ///
    /// # Errors
    /// The folder does not exist, is one image layout itself, or cannot be read.
    pub(crate) fn open_to_read(root: &Path) -> Result<Self, OpenError> {
        Disk::open_to_read(root).map(Self::new)
    }

    /// Like [`Self::open_to_read`], but a folder that does not exist holds nothing.
    ///
    /// # Errors
    /// The folder is one image layout itself, or cannot be read.
    pub(crate) fn open_to_look(root: &Path) -> Result<Self, OpenError> {
        Disk::open_to_look(root).map(Self::new)
    }

    /// Opens the folder at `root`, which is created if it is missing. With `durable`, content survives a
    /// loss of power once it is in a repository. Blocks.
    ///
    /// # Errors
    /// The folder is one image layout itself, or cannot be created or written.
    pub(crate) fn open_to_write(root: &Path, durable: bool) -> Result<Self, OpenError> {
        Disk::open_to_write(root, durable).map(Self::new)
    }

    fn new(disk: Disk) -> Self {
        let hashing = std::array::from_fn(|_| tokio::sync::Mutex::default());
        Self { disk: Arc::new(disk), layouts: Mutex::default(), hashing }
    }

    /// Waits until nobody else hashes a file of this digest.
    pub(super) async fn hashing_turn(&self, digest: &Digest) -> tokio::sync::MutexGuard<'_, ()> {
        let first = match digest {
            Digest::Sha256(bytes) => bytes[0],
            Digest::Sha512(bytes) => bytes[0],
        };
        self.hashing[usize::from(first) % HASHING].lock().await
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        self.disk.root()
    }

    /// The layout of a repository. A name that nothing was pushed to gets one that is forgotten
    /// again, so that asking for names that do not exist costs no memory.
    pub(super) fn layout(&self, repository: &Repository) -> Arc<Layout> {
        if let Some(layout) = lock(&self.layouts).get(repository) {
            return Arc::clone(layout);
        }
        let index = self.disk.directory(repository).join("index.json");
        if self.disk.stamp_of(&index).is_ok_and(|found| found.is_some()) {
            return self.layout_to_change(repository);
        }
        Layout::new(Arc::clone(&self.disk), repository)
    }

    /// The layout of a repository that is about to be written.
    pub(super) fn layout_to_change(&self, repository: &Repository) -> Arc<Layout> {
        let make = || Layout::new(Arc::clone(&self.disk), repository);
        Arc::clone(lock(&self.layouts).entry(repository.clone()).or_insert_with(make))
    }

    /// Looks something up in what a repository holds; `None` if the repository does not exist.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) async fn look_up<T>(
        &self,
        repository: &Repository,
        look: impl FnOnce(&Contents) -> T,
    ) -> io::Result<Option<T>> {
        self.layout(repository).read(look).await
    }

    /// All repositories, in order.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub(crate) async fn repositories(&self) -> io::Result<Vec<Repository>> {
        let disk = Arc::clone(&self.disk);
        blocking(move || disk.repositories()).await
    }

    /// A blob that is about to be written.
    pub(crate) fn incoming_blob(&self) -> IncomingBlob {
        IncomingBlob::new(Arc::clone(&self.disk))
    }
}
