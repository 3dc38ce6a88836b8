//! Pushes a plugin.

use longshore_files::read_regular;
use longshore_plugin_host::{Limits, PluginError, escape, inspect};

use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginPush;
use crate::plugins::{InstallError, PluginSource, push};
use crate::report;

/// Pushes the plugin in a file, and prints the reference with its digest.
pub(super) async fn run(
    flags: &PluginPush,
    installation: &Installation<'_>,
) -> Result<Exit, Fatal> {
    let reference = match PluginSource::parse(&flags.reference, &std::env::current_dir()?)? {
        PluginSource::Manifest(reference) => reference,
        PluginSource::File(_) => {
            let why = "it names a file and no registry".to_owned();
            return Err(InstallError::Source { text: flags.reference.clone(), why }.into());
        }
    };
    let component = read_regular(&flags.file, Limits::default().component as u64)
        .map_err(|error| InstallError::Read { path: flags.file.clone(), error })?;
    let info = inspect(component.clone()).map_err(|problem| {
        let plugin = escape::shown(&flags.file.display().to_string());
        Fatal::from(PluginError::Load { plugin, problem })
    })?;
    let digest = push(&info, component, &reference, &installation.stores).await?;
    let scheme = if reference.store.registry().is_some() { "oci://" } else { "" };
    let pinned = match reference.version.digest() {
        Some(_) => String::new(),
        None => format!("@{digest}"),
    };
    report::print(&format!("{scheme}{}{pinned}\n", report::escape(&reference.to_string())))?;
    Ok(Exit::Done)
}
