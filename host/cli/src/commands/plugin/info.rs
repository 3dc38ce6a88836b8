//! Shows one plugin.

use std::sync::Arc;

use longshore_plugin_host::{ComponentInfo, LoadProblem, PluginError, PluginHost, escape};

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginInfo;
use crate::plugins::{InstallError, PluginSource, fetch};
use crate::report::{self, PluginDescription};

/// Prints a plugin.
pub(super) async fn run(
    flags: &PluginInfo,
    installation: &Installation<'_>,
) -> Result<Exit, Fatal> {
    let name = flags.plugin.as_str();
    let (source, info) = match PluginHost::built_in_info(name)? {
        Some(info) => ("built in".to_owned(), info),
        None => match installation.lock.find(name) {
            Some(plugin) => {
                let path = installation.components.path(&plugin.sha256);
                let info = of(name, &PluginSource::File(path), installation).await?;
                if info.sha256 != plugin.sha256 {
                    let (locked, found) = (plugin.sha256.clone(), info.sha256);
                    let problem = LoadProblem::Changed { locked, found };
                    return Err(PluginError::Load { plugin: name.to_owned(), problem }.into());
                }
                (plugin.source.clone(), info)
            }
            None => {
                let source = PluginSource::parse(name, &std::env::current_dir()?)?;
                (name.to_owned(), of(name, &source, installation).await?)
            }
        },
    };
    report::print_plugin(&PluginDescription { source, info }, flags.output)?;
    Ok(Exit::Done)
}

/// Fetches a component and reads it.
async fn of(
    name: &str,
    source: &PluginSource,
    installation: &Installation<'_>,
) -> Result<ComponentInfo, Fatal> {
    let failed = |problem| Fatal::from(PluginError::Load { plugin: escape::shown(name), problem });
    match fetch(source, None, &installation.stores).await {
        Ok(fetched) => ComponentInfo::read(&fetched.component).map_err(failed),
        Err(InstallError::Read { error, .. }) => Err(failed(LoadProblem::Read(Arc::new(error)))),
        Err(error) => Err(error.into()),
    }
}
