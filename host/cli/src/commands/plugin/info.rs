//! Shows one plugin.

use std::path::Path;
use std::sync::Arc;

use longshore_files::read_regular;
use longshore_plugin_host::{ComponentInfo, Limits, LoadProblem, PluginError, PluginHost};

use crate::error::{Exit, Fatal};
use crate::flags::PluginInfo;
use crate::report::{self, PluginDescription};

/// Prints a plugin.
pub(super) fn run(flags: &PluginInfo) -> Result<Exit, Fatal> {
    let name = flags.plugin.as_str();
    let description = match PluginHost::built_in_info(name)? {
        Some(info) => PluginDescription { source: "built in".to_owned(), info },
        None => PluginDescription { source: name.to_owned(), info: of_file(name)? },
    };
    report::print_plugin(&description, flags.output)?;
    Ok(Exit::Done)
}

/// Reads the component at a path.
fn of_file(path: &str) -> Result<ComponentInfo, PluginError> {
    let read = read_regular(Path::new(path), Limits::default().component as u64);
    let read = read.map_err(|error| LoadProblem::Read(Arc::new(error)));
    read.and_then(|bytes| ComponentInfo::read(&bytes))
        .map_err(|problem| PluginError::Load { plugin: report::escape(path).into_owned(), problem })
}
