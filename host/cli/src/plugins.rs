//! Plugins that users install: the lock file, the components on this machine, and where both come from.

mod artifact;
mod components;
mod error;
mod lock;
mod source;

pub(crate) use artifact::{fetch, push, resolve};
pub(crate) use components::Components;
pub(crate) use error::InstallError;
pub(crate) use lock::{LockFile, Locked};
pub(crate) use source::PluginSource;

/// The name of the lock file, which lies beside the settings file.
pub(crate) const LOCK_FILE: &str = "longshore.lock";
