//! Removes an installed plugin.

use longshore_engine::event::Level;

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginRemove;
use crate::plugins::InstallError;

/// Removes a plugin from the lock file, and its component from this machine.
pub(super) fn run(flags: &PluginRemove, mut installation: Installation<'_>) -> Result<Exit, Fatal> {
    let name = flags.name.as_str();
    let lock = &mut installation.lock;
    let Some(removed) = lock.find(name).cloned() else {
        let lock = lock.path().to_owned();
        return Err(InstallError::NotInstalled { name: name.to_owned(), lock }.into());
    };
    lock.plugins.retain(|plugin| plugin.name != name);
    lock.write()?;
    if !lock.plugins.iter().any(|plugin| plugin.sha256 == removed.sha256) {
        installation.components.remove(&removed.sha256)?;
    }
    let log = installation.log;
    log.write(Level::Info, &format!("removed {name}"));
    if installation.settings.file().plugin(name).is_some() {
        let text = format!("[plugins.{name}] is still in the settings file");
        log.write(Level::Info, &text);
    }
    Ok(Exit::Done)
}
