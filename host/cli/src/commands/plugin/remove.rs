//! Removes an installed plugin.
//!
//! Its component stays in the data directory, because all lock files of the user share that.

use longshore_engine::event::Level;

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginRemove;

/// Removes a plugin from the lock file.
pub(super) fn run(flags: &PluginRemove, mut installation: Installation<'_>) -> Result<Exit, Fatal> {
    let name = flags.name.as_str();
    installation.lock.change(|lock| {
        if lock.find(name).is_none() {
            return Err(lock.missing(name));
        }
        lock.plugins.retain(|plugin| plugin.name != name);
        Ok(())
    })?;
    let log = installation.log;
    log.write(Level::Info, &format!("removed {name}"));
    if installation.settings.file().plugin(name).is_some() {
        let text = format!("[plugins.{name}] is still in the settings file");
        log.write(Level::Info, &text);
    }
    Ok(Exit::Done)
}
