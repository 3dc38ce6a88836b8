//! Fetches and compiles what the lock file names.

use longshore_engine::event::Level;
use longshore_files::read_regular;
use longshore_plugin_host::{Limits, inspect};

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::plugins::{InstallError, Locked};

/// Brings each locked component to this machine.
pub(super) async fn run(installation: &Installation<'_>) -> Result<Exit, Fatal> {
    let log = installation.log;
    if !installation.lock.exists {
        let path = installation.lock.path().display();
        log.write(
            Level::Info,
            &format!("there is no lock file {path}, so there is nothing to fetch"),
        );
    }
    let mut exit = Exit::Done;
    for plugin in &installation.lock.plugins {
        match prefetch(plugin, installation).await {
            Ok(how) => log.write(Level::Info, &format!("{} {how}", plugin.name)),
            Err(error) => {
                log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
                exit = Exit::SomeFailed;
            }
        }
    }
    Ok(exit)
}

async fn prefetch(plugin: &Locked, installation: &Installation<'_>) -> Result<&'static str, Fatal> {
    let most = Limits::default().component as u64;
    if let Ok(component) = read_regular(&installation.components.path(&plugin.sha256), most)
        && inspect(component.clone()).is_ok_and(|info| info.sha256 == plugin.sha256)
    {
        installation.host.compile(&plugin.name, component).await?;
        return Ok("is on this machine");
    }
    let source = installation.source_of(plugin)?;
    let candidate = installation.fetch(&source, plugin.manifest.as_ref()).await?;
    let found = &candidate.locked;
    if found.sha256 != plugin.sha256 {
        return Err(InstallError::Moved {
            name: plugin.name.clone(),
            source_text: plugin.source.clone(),
            locked: plugin.sha256.clone(),
            found: found.sha256.clone(),
        }
        .into());
    }
    installation.keep(&candidate).await?;
    Ok("was fetched")
}
