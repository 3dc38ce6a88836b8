//! Lists plugins.

use longshore_plugin_host::PluginHost;

use crate::error::{Exit, Fatal};
use crate::flags::{PluginList, REGISTRY_REWRITE};
use crate::report::{self, PluginRow};

/// Prints the plugins that users can name.
pub(super) fn run(flags: &PluginList) -> Result<Exit, Fatal> {
    let built_in = PluginHost::built_in_plugins()?.into_iter();
    // `-d` and `--default-project` configure this one, and nobody names it.
    let named = built_in.filter(|(embedded, _)| embedded.name != REGISTRY_REWRITE);
    let rows = named.map(|(embedded, metadata)| PluginRow {
        name: metadata.name,
        kind: metadata.kind,
        version: metadata.version,
        source: "built in".to_owned(),
        sha256: embedded.sha256.to_owned(),
        grants: metadata.grants,
    });
    report::print_plugins(&rows.collect::<Vec<_>>(), flags.output)?;
    Ok(Exit::Done)
}
