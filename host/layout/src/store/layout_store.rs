//! The store: a folder that is open, and its name.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use longshore_oci::{Digest, LayoutsName, ManifestReference, Repository, StoreName};
use longshore_store::{Destination, Operation, Source, StoreError};
use tokio::sync::OnceCell;

use super::error::{behind_dead_link, failed, not_opened};
use crate::folder::{Folder, OpenError};

/// A folder with one OCI image layout per repository, as a store.
///
/// Several stores, in this process and in others, may have one folder open at once, and so may a
/// `longshore serve`.
#[derive(Debug)]
pub struct LayoutStore {
    pub(super) name: StoreName,
    pub(super) folder: Folder,
    /// The folder's absolute path without symbolic links; `None` if the system does not say.
    canonical: Option<PathBuf>,
    /// All repositories of the folder when one was first missing.
    pub(super) known: OnceCell<Vec<String>>,
}

impl LayoutStore {
    /// Opens the folder `name` to read it. Nothing is created or locked there. Blocks.
    ///
    /// # Errors
    /// The folder does not exist, is one image layout itself, or cannot be read.
    pub fn open_source(name: &LayoutsName) -> Result<Arc<dyn Source>, StoreError> {
        Ok(Arc::new(Self::new(name, Folder::open_to_read(name.path()))?))
    }

    /// Opens the folder `name` to write to it, and creates it if it is missing. Removes the incomplete
    /// content that killed runs left. Blocks.
    ///
    /// # Errors
    /// The folder is one image layout itself, or cannot be created or written.
    pub fn open_destination(name: &LayoutsName) -> Result<Arc<dyn Destination>, StoreError> {
        Ok(Arc::new(Self::new(name, Folder::open_to_write(name.path(), true))?))
    }

    /// Opens the folder `name` as a destination that is only looked at. A folder that does not exist
    /// holds nothing. Blocks.
    ///
    /// # Errors
    /// The folder is one image layout itself, cannot be read, or lies behind a dead symbolic link.
    pub fn open_to_look(name: &LayoutsName) -> Result<Arc<dyn Destination>, StoreError> {
        if let Some(dead) = behind_dead_link(name) {
            return Err(dead);
        }
        Ok(Arc::new(Self::new(name, Folder::open_to_look(name.path()))?))
    }

    fn new(name: &LayoutsName, opened: Result<Folder, OpenError>) -> Result<Self, StoreError> {
        let folder = opened.map_err(|error| not_opened(name, error))?;
        let canonical = fs::canonicalize(folder.root()).ok();
        let name = StoreName::Layouts(name.clone());
        Ok(Self { name, folder, canonical, known: OnceCell::new() })
    }

    /// Whether `other` is the same folder, perhaps by another path.
    pub(super) fn is_same_folder(&self, other: &dyn Source) -> bool {
        let other_path =
            other.as_any().downcast_ref::<Self>().and_then(|other| other.canonical.as_ref());
        *other.name() == self.name
            || (other_path.is_some() && other_path == self.canonical.as_ref())
    }

    /// `verb` done to the manifest `reference`.
    pub(super) fn on_manifest(
        &self,
        verb: &'static str,
        repository: &Repository,
        reference: &ManifestReference,
    ) -> Operation {
        Operation::new(verb, format!("{}/{repository}{}", self.name, reference.suffix()))
    }

    /// `verb` done to the blob `digest`.
    pub(super) fn on_blob(
        &self,
        verb: &'static str,
        repository: &Repository,
        digest: &Digest,
    ) -> Operation {
        Operation::new(verb, format!("{digest} of {}/{repository}", self.name))
    }

    /// `operation` failed, as the file system says.
    pub(super) fn failed(&self, operation: Operation, error: &io::Error) -> StoreError {
        failed(operation, self.folder.root(), error)
    }
}
