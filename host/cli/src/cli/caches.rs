//! What is kept from run to run, in the user's cache directory.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::variable;
use crate::error::Fatal;
use longshore_engine::ManifestCache;
use longshore_plugin_host::{HostOptions, PluginHost};
use longshore_registry::HintCache;

/// What a run finds of earlier ones. All of it can be done without.
#[derive(Clone, Default)]
pub(super) struct Caches {
    /// Manifests and configurations.
    pub(super) manifests: Option<ManifestCache>,
    /// Where blobs are at destinations.
    pub(super) hints: Option<HintCache>,
}

impl Caches {
    /// Those below the directory that the environment names.
    pub(super) fn of_environment() -> Self {
        let Some(root) = cache_dir() else { return Self::default() };
        Self {
            manifests: opened("manifests are not remembered", &root, ManifestCache::open),
            hints: opened("where blobs are is not remembered", &root, HintCache::open),
        }
    }
}

fn opened<C>(what: &str, root: &Path, open: fn(&Path) -> io::Result<C>) -> Option<C> {
    open(root).inspect_err(|error| tracing::debug!("{what}: {error}")).ok()
}

fn cache_dir() -> Option<PathBuf> {
    variable("LONGSHORE_CACHE_DIR")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(directories::BaseDirs::new()?.cache_dir().join("longshore")))
}

/// The plugin host, with the user's cache of compiled plugins.
pub(super) fn plugin_host() -> Result<PluginHost, Fatal> {
    let cache_dir = cache_dir();
    Ok(PluginHost::new(HostOptions { cache_dir, clock: SystemTime::now() })?)
}
