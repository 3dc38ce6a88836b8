//! Opens the caches in the user's cache directory, which runs share.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::environment::variable;
use crate::error::Fatal;
use crate::report::Log;
use longshore_engine::ManifestCache;
use longshore_engine::event::Level;
use longshore_plugin_host::{CompileNotice, HostOptions, PluginHost};
use longshore_registry::HintCache;

/// The caches of a run. A run works without any of them.
#[derive(Clone, Default)]
pub(crate) struct Caches {
    /// Manifests and configurations.
    pub(crate) manifests: Option<ManifestCache>,
    /// The repositories at destinations that hold each blob.
    pub(crate) hints: Option<HintCache>,
}

impl Caches {
    /// Opens the caches below `LONGSHORE_CACHE_DIR` or the user's cache directory.
    pub(crate) fn of_environment() -> Self {
        let Some(root) = cache_dir() else { return Self::default() };
        Self {
            manifests: opened("manifests are not remembered", &root, ManifestCache::open),
            hints: opened("blob locations are not remembered", &root, HintCache::open),
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

/// Creates the plugin host, with the user's cache of compiled plugins.
pub(crate) fn plugin_host(log: &Arc<Log>) -> Result<PluginHost, Fatal> {
    let log = Arc::clone(log);
    let notice = move |plugin: &str| {
        let message = format!("compiling the plugin {plugin}, which takes a while the first time");
        log.write(Level::Info, &message);
    };
    let cache_dir = cache_dir();
    let notice: Option<Arc<CompileNotice>> = Some(Arc::new(notice));
    Ok(PluginHost::new(HostOptions { cache_dir, clock: SystemTime::now(), notice })?)
}
