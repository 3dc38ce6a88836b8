//! What a run has looked at already: each manifest and blob of a repository once, however many tags
//! need it, as far as the memo remembers.

use std::collections::HashSet;

use tokio::sync::OnceCell;

use crate::oci::{Digest, Name, Registry, Repository, Tag};
use crate::plan::Finding;
use crate::transfer::Memo;

/// Content in one repository of one registry.
pub(super) type Place = (Registry, Repository, Digest);

/// What is wrong with what was looked at. A look that could not be taken leaves nothing, and whoever
/// needs it next takes it again.
#[derive(Default)]
pub(super) struct Seen {
    /// Of each manifest, with all that is below it.
    pub(super) manifests: Memo<Place, OnceCell<Box<[Finding]>>>,
    /// Of each blob.
    pub(super) blobs: Memo<Place, OnceCell<Option<Box<Finding>>>>,
    /// The tags of each source that are made of digests.
    pub(super) tags: Memo<Name, OnceCell<HashSet<Tag>>>,
}
