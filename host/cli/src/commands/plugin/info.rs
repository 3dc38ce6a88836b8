//! Shows one plugin.

use std::sync::Arc;

use longshore_oci::nearest;
use longshore_plugin_host::{ComponentInfo, Kind, LoadProblem, PluginError, PluginHost, escape};

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::{PluginInfo, REGISTRY_REWRITE};
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
                (plugin.source.clone(), installation.components.installed(plugin).info()?)
            }
            None => {
                let source = PluginSource::parse(name, &std::env::current_dir()?)?;
                if matches!(&source, PluginSource::File(path) if is_bare(name) && !path.exists()) {
                    return Err(unknown(name, installation).into());
                }
                (name.to_owned(), of(name, &source, installation).await?)
            }
        },
    };
    report::print_plugin(&PluginDescription { source, info }, flags.output)?;
    Ok(Exit::Done)
}

/// Whether a text looks like the name of a plugin, and not like the path of a component.
fn is_bare(name: &str) -> bool {
    !name.contains(['/', '.', ':'])
}

/// Returns the error for a name that no plugin has.
fn unknown(name: &str, installation: &Installation<'_>) -> InstallError {
    let kinds = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
    let built_in = kinds.into_iter().flat_map(PluginHost::built_in);
    let mut known: Vec<&str> = built_in.filter(|name| *name != REGISTRY_REWRITE).collect();
    known.extend(installation.lock.plugins.iter().map(|plugin| plugin.name.as_str()));
    let nearest = nearest(name, known).map(str::to_owned);
    InstallError::Unknown { name: name.to_owned(), nearest }
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
