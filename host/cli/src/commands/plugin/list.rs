//! Lists plugins.

use longshore_plugin_host::PluginHost;

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::{PluginList, REGISTRY_REWRITE};
use crate::report::{self, PluginRow};

/// Prints the plugins that users can name: the built-in ones, then the installed ones.
pub(super) fn run(flags: &PluginList, installation: &Installation<'_>) -> Result<Exit, Fatal> {
    let built_in = PluginHost::built_in_plugins()?.into_iter();
    // `-d` and `--default-project` configure this one, and nobody names it.
    let named = built_in.filter(|(embedded, _)| embedded.name != REGISTRY_REWRITE);
    let built_in = named.map(|(embedded, metadata)| PluginRow {
        name: metadata.name,
        kind: metadata.kind,
        version: metadata.version,
        source: "built in".to_owned(),
        sha256: embedded.sha256.to_owned(),
        grants: metadata.grants,
    });
    let installed = installation.lock.plugins.iter().map(|plugin| PluginRow {
        name: plugin.name.clone(),
        kind: plugin.kind,
        version: plugin.version.clone(),
        source: plugin.source.clone(),
        sha256: plugin.sha256.clone(),
        grants: installation.settings.granted(&plugin.name).to_vec(),
    });
    report::print_plugins(&built_in.chain(installed).collect::<Vec<_>>(), flags.output)?;
    Ok(Exit::Done)
}
