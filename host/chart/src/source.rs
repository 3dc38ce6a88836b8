//! Where charts come from: repositories with an `index.yaml`, registries, folders and archives.

mod archives;
mod error;
mod fetched;
mod helm;
mod index;
mod local;
mod oci;
mod repo;
mod sources;

pub use archives::KeptArchives;
pub use error::SourceError;
pub use fetched::Fetched;
pub use helm::{HelmFileError, HelmRepositories, RepoLogin};
pub use sources::{Sources, Unfulfilled};
