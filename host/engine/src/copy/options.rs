//! What holds for every job of a run.

use std::collections::HashMap;

use longshore_oci::Name;

use crate::manifest_cache::ManifestCache;
use crate::shape::IndexMode;

/// What holds for every job of a run.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// Images at once, at least 1.
    pub jobs: usize,
    /// How indexes are written.
    pub index: IndexMode,
    /// Is it a failure where nothing satisfies the platform filter?
    pub no_platform_fails: bool,
    /// Are signatures and whatever else refers to an image copied too?
    pub referrers: bool,
    /// What earlier runs have fetched, if it can be had.
    pub cache: Option<ManifestCache>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Believe nothing of the destination: look at each selected child and blob there.
    pub force_recursive: bool,
    /// Repositories whose preparation failed, and how.
    pub unprepared: HashMap<Name, String>,
}
