//! Installs a plugin.

use longshore_engine::event::Level;
use longshore_plugin_host::PluginHost;

use super::consent::Question;
use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginAdd;
use crate::plugins::{InstallError, PluginSource};

/// Fetches a plugin, shows it, asks, and installs it.
pub(super) async fn run(
    flags: PluginAdd,
    mut installation: Installation<'_>,
) -> Result<Exit, Fatal> {
    let source = PluginSource::parse(&flags.source, &std::env::current_dir()?)?;
    let is_absent = matches!(&source, PluginSource::File(path) if !path.exists());
    if is_absent && PluginHost::is_built_in(&flags.source) {
        return Err(InstallError::BuiltIn(flags.source).into());
    }
    let candidate = installation.fetch(&source, None).await?;
    let locked = &candidate.locked;
    let name = locked.name.clone();
    if let Some(known) = installation.lock.find(&name)
        && (known.sha256 != locked.sha256 || known.source != locked.source)
    {
        let source_text = known.source.clone();
        return Err(InstallError::Installed { name, source_text }.into());
    }
    installation.show(&candidate);
    let question = Question {
        what: format!("install {name}"),
        command: ["longshore", "plugin", "add", &flags.source].map(str::to_owned).to_vec(),
        before: &[],
        always: true,
    };
    let grants = installation.ask(locked, &flags.consent, &question)?;
    let text = format!("installed {name}, sha256:{}", locked.sha256);
    installation.install(candidate, &grants).await?;
    installation.log.write(Level::Info, &text);
    Ok(Exit::Done)
}
