//! Installs the plugins that the sources have now.

use longshore_engine::event::Level;
use longshore_plugin_host::escape::shown;

use super::consent::{Question, interface};
use super::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::{ConsentFlags, PluginUpdate};
use crate::plugins::{InstallError, Locked, resolve};

/// Updates the named plugins, or all.
pub(super) async fn run(
    flags: PluginUpdate,
    mut installation: Installation<'_>,
) -> Result<Exit, Fatal> {
    let mut chosen = Vec::new();
    for name in &flags.names {
        let lock = &installation.lock;
        chosen.push(lock.find(name).cloned().ok_or_else(|| lock.missing(name))?);
    }
    if flags.names.is_empty() {
        chosen.clone_from(&installation.lock.plugins);
    }
    if chosen.is_empty() {
        installation.log.write(Level::Info, "no plugins are installed");
    }
    let mut exit = Exit::Done;
    for known in chosen {
        if let Err(error) = update(&known, &flags.consent, &mut installation).await {
            let hint = error.hint();
            installation.log.failure(None, &format!("failed to {error}"), hint.as_deref());
            exit = Exit::SomeFailed;
        }
    }
    Ok(exit)
}

async fn update(
    known: &Locked,
    flags: &ConsentFlags,
    installation: &mut Installation<'_>,
) -> Result<(), Fatal> {
    let name = known.name.as_str();
    let source = installation.source_of(known)?;
    let digest = resolve(&source, &installation.stores).await?;
    let same = format!("{name} is as {} has it", shown(&known.source));
    if digest.is_some() && digest == known.manifest && flags.grant.is_empty() {
        installation.log.write(Level::Info, &same);
        return Ok(());
    }
    let candidate = installation.fetch(&source, digest.as_ref()).await?;
    let new = &candidate.locked;
    if new.name != name || new.kind != known.kind {
        return Err(InstallError::Renamed {
            name: name.to_owned(),
            source_text: known.source.clone(),
            kind: new.kind.to_string(),
            found: new.name.clone(),
        }
        .into());
    }
    if new == known && flags.grant.is_empty() {
        installation.log.write(Level::Info, &same);
        return Ok(());
    }
    installation.log.tell(&told(known, new));
    let question = Question {
        what: format!("update {name}"),
        command: ["longshore", "plugin", "update", name].map(str::to_owned).to_vec(),
        before: &known.wants,
        always: false,
    };
    let grants = installation.ask(new, flags, &question)?;
    installation.install(candidate, &grants).await?;
    installation.log.write(Level::Info, &format!("updated {name}"));
    Ok(())
}

/// Says what an update changes.
fn told(old: &Locked, new: &Locked) -> String {
    let mut lines = vec![
        format!("{} {} → {}", old.name, shown(&old.version), shown(&new.version)),
        format!("  sha256:{} → sha256:{}", old.sha256, new.sha256),
    ];
    let new_ones = |what: &str, old: &[String], new: &[String]| -> Vec<String> {
        let added = new.iter().filter(|item| !old.contains(item));
        added.map(|item| format!("  now {what} {}", interface(item))).collect()
    };
    lines.extend(new_ones("imports", &old.imports, &new.imports));
    lines.extend(new_ones("wants", &old.wants, &new.wants));
    lines.join("\n")
}
