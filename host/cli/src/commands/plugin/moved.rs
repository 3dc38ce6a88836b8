//! Says that a tag was moved, when a run needs a component that is not on this machine.
//!
//! A run uses the component that the lock file names, and asks no registry. Only if that component is missing or
//! changed, one request tells whether fetching what the user once named would bring another one.

use longshore_plugin_host::{LoadProblem, PluginError};

use crate::error::Fatal;
use crate::list::ListError;
use crate::plugins::{InstallError, LockFile, Locked, PluginSource, resolve};
use crate::settings::SettingsFile;
use crate::setup::{RegistrySettings, StoreSetup, lock_file};
use longshore_registry::InsecureRegistries;

/// Adds to an error of an absent component what its tag names now, if that differs from the lock file.
pub(crate) async fn with_moved_tag(
    fatal: Fatal,
    file: &SettingsFile,
    insecure: &InsecureRegistries,
) -> Fatal {
    let error = match &fatal {
        Fatal::Plugin(error) | Fatal::List(ListError::Plugin(error)) => error,
        Fatal::List(ListError::Unread { error, .. }) => error,
        _ => return fatal,
    };
    let PluginError::Load { plugin, problem } = error else { return fatal };
    if !matches!(problem, LoadProblem::Absent(_) | LoadProblem::Changed { .. }) {
        return fatal;
    }
    let Ok(lock) = lock_file(file) else { return fatal };
    let is_meant = |known: &&Locked| known.name == *plugin || known.source == *plugin;
    let Some(known) = lock.plugins.iter().find(is_meant) else { return fatal };
    match moved(known, &lock, error, insecure).await {
        Some(moved) => moved.into(),
        None => fatal,
    }
}

async fn moved(
    known: &Locked,
    lock: &LockFile,
    error: &PluginError,
    insecure: &InsecureRegistries,
) -> Option<InstallError> {
    let locked = known.manifest.clone()?;
    let source = PluginSource::parse(&known.source, &lock.folder()).ok()?;
    let registries = RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let stores = StoreSetup::of_environment(registries, None).ok()?.stores(None).ok()?;
    // An unreachable registry says nothing about the tag.
    let found = resolve(&source, &stores).await.ok()??;
    (found != locked).then(|| InstallError::TagMoved {
        problem: error.to_string(),
        name: known.name.clone(),
        source_text: known.source.clone(),
        locked: Box::new(locked),
        found: Box::new(found),
    })
}
