//! Options for all jobs of a run.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use longshore_oci::Name;

use super::shared_homes::SharedHomes;
use crate::manifest_cache::ManifestCache;
use crate::shape::IndexMode;

/// Options for all jobs of a run.
#[derive(Clone, Debug)]
pub struct CopyOptions {
    /// The most images that copy at once, at least 1.
    pub jobs: usize,
    /// The time that an image has, if it is limited.
    pub timeout: Option<Duration>,
    /// How indexes are written.
    pub index: IndexMode,
    /// Whether it is a failure if nothing matches the platform filter.
    pub no_platform_fails: bool,
    /// Whether referrers, such as signatures, are copied too.
    pub referrers: bool,
    /// The manifests cached by earlier runs, if available.
    pub cache: Option<ManifestCache>,
    /// Only report what a run would do.
    pub dry_run: bool,
    /// Trust no tag at the destination: check each selected child and blob.
    pub force_recursive: bool,
    /// Read all content at the destination, and send again what is corrupt. Needs `force_recursive`.
    pub deep: bool,
    /// Whether a chart at the destination is up to date if its archive is the same, whatever else its
    /// manifest says: Helm writes the time of a push into it.
    pub charts_by_content: bool,
    /// Repositories whose preparation failed, with the error.
    pub unprepared: HashMap<Name, String>,
    /// In a dry run: those of them that a push cannot create either, because the registry refused.
    pub refused: HashSet<Name>,
    /// In a dry run: repositories that a preparation would create something for, and what.
    pub would_create: HashMap<Name, String>,
    /// The homes of blobs that other processes of the run know, if there are any.
    pub homes: Option<Arc<dyn SharedHomes>>,
}
