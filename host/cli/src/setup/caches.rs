//! Opens the caches in the user's cache directory, which runs share.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::environment::variable;
use crate::error::Fatal;
use crate::plugins::{Components, InstallError, LOCK_FILE, LockFile};
use crate::report::Log;
use crate::settings::{PluginSettings, SettingsFile};
use longshore_chart::KeptRenderings;
use longshore_chart::source::KeptArchives;
use longshore_engine::ManifestCache;
use longshore_engine::event::Level;
use longshore_plugin_host::{CompileNotice, Compiler, HostOptions, InstalledPlugin, PluginHost};
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

/// Opens the archives of charts that earlier runs fetched.
pub(crate) fn kept_archives() -> Option<KeptArchives> {
    opened("archives are not remembered", &cache_dir()?, KeptArchives::open)
}

/// Opens the renderings of earlier runs.
pub(crate) fn kept_renderings() -> Option<KeptRenderings> {
    opened("renderings are not remembered", &cache_dir()?, KeptRenderings::open)
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

/// Returns `LONGSHORE_DATA_DIR`, or longshore's folder in the user's data directory.
pub(crate) fn components() -> Result<Components, InstallError> {
    let named = variable("LONGSHORE_DATA_DIR").filter(|path| !path.is_empty()).map(PathBuf::from);
    let users = || Some(directories::BaseDirs::new()?.data_dir().join("longshore"));
    let root = named.or_else(users).ok_or(InstallError::NoHome("components"))?;
    Ok(Components::below(root))
}

/// Reads the lock file beside the settings file in use.
pub(crate) fn lock_file(settings: &SettingsFile) -> Result<LockFile, InstallError> {
    let place = settings.place().ok_or(InstallError::NoHome("the lock file"))?;
    LockFile::read(place.with_file_name(LOCK_FILE))
}

/// Creates the plugin host, with the user's cache of compiled plugins and the installed plugins.
///
/// With `--locked`, checks that the installed plugins are those of the lock file.
pub(crate) fn plugin_host(settings: &PluginSettings, log: &Arc<Log>) -> Result<PluginHost, Fatal> {
    // Without a home directory nothing is installed.
    let lock = match settings.file().place() {
        Some(_) => Some(lock_file(settings.file())?),
        None => None,
    };
    let exists = lock.as_ref().is_some_and(|lock| lock.exists);
    if settings.locked && !exists {
        let place = settings.file().place().unwrap_or_default();
        return Err(InstallError::NoLock(place.with_file_name(LOCK_FILE)).into());
    }
    let installed = match lock.filter(|lock| !lock.plugins.is_empty()) {
        Some(lock) => {
            let components = components()?;
            lock.plugins.iter().map(|plugin| components.installed(plugin)).collect()
        }
        None => Vec::new(),
    };
    let host = host_of(installed, settings.locked, log)?;
    if settings.locked {
        host.check_installed()?;
    }
    Ok(host)
}

/// Creates a plugin host with these installed plugins.
pub(crate) fn host_of(
    installed: Vec<InstalledPlugin>,
    locked: bool,
    log: &Arc<Log>,
) -> Result<PluginHost, Fatal> {
    let log = Arc::clone(log);
    let cache_dir = cache_dir();
    let later = match &cache_dir {
        Some(folder) => format!("later runs take the code from {}", folder.display()),
        None => "without a cache directory, each run does this again".to_owned(),
    };
    let notice = move |plugin: &str| {
        let message = format!("compiling the plugin {plugin}, which may take a minute; {later}");
        log.write(Level::Info, &message);
    };
    let notice: Option<Arc<CompileNotice>> = Some(Arc::new(notice));
    let compiler = own_program().map(|program| Compiler { program });
    let clock = SystemTime::now();
    let options = HostOptions { cache_dir, clock, notice, installed, locked, compiler };
    Ok(PluginHost::new(options)?)
}

/// Returns this program. On Linux it is the running one, even if an update has replaced its file.
fn own_program() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Some(running.to_owned()) } else { std::env::current_exe().ok() }
}
