//! Shows what a plugin wants, and asks the user.

use std::io::IsTerminal as _;

use indicatif::HumanBytes;
use longshore_engine::event::Level;
use longshore_plugin_host::escape::shown;
use longshore_plugin_host::{Endpoint, ungranted};

use super::installation::{Candidate, Installation};
use crate::flags::ConsentFlags;
use crate::plugins::{InstallError, Locked};
use crate::report::{grouped_imports, shell_command};
use crate::setup::destination_of_environment;

/// What to ask about.
pub(super) struct Question<'a> {
    /// The operation and the plugin, such as `install mine`.
    pub(super) what: String,
    /// The words of the command, without those of the answer.
    pub(super) command: Vec<String>,
    /// The requests that the plugin could send before, as far as they were granted.
    pub(super) before: &'a [String],
    /// Whether to ask even if the plugin wants nothing new.
    pub(super) always: bool,
}

impl Installation<'_> {
    /// Writes to the log what a plugin imports and wants.
    pub(super) fn show(&self, candidate: &Candidate) {
        let Candidate { locked, info, .. } = candidate;
        let description = info.metadata.as_ref().map_or("", |metadata| &metadata.description);
        let mut lines = vec![
            format!(
                "{} {} ({}): {}",
                locked.name,
                shown(&locked.version),
                locked.kind,
                shown(description)
            ),
            format!("  from {}", shown(&locked.source)),
            format!("  sha256:{}, {}", locked.sha256, HumanBytes(locked.size)),
        ];
        let imports = grouped_imports(&info.imports).into_iter();
        lines.extend(imports.map(|import| format!("  imports {}", interface(&import))));
        lines
            .extend(locked.wants.iter().map(|want| format!("  wants {}", self.told(locked, want))));
        if locked.wants.is_empty() {
            lines.push("  wants to send no requests".to_owned());
        }
        if let Some(exchange) = info.metadata.as_ref().and_then(|about| about.exchange.as_ref()) {
            let named = |endpoint: &&Endpoint| endpoint.name == exchange.endpoint;
            let endpoint = locked.endpoints.iter().find(named);
            lines.push(format!(
                "  lets longshore fetch the registry's credential with {} {} at {}",
                shown(&exchange.method),
                shown(&exchange.path),
                shown(&self.origin(locked, endpoint))
            ));
        }
        self.log.tell(&lines.join("\n"));
    }

    /// Returns a wanted request with the origin that it goes to.
    fn told(&self, locked: &Locked, want: &str) -> String {
        let name = want.split_ascii_whitespace().nth(1).unwrap_or_default();
        let endpoint = locked.endpoints.iter().find(|endpoint| endpoint.name == name);
        format!("{} at {}", shown(want), shown(&self.origin(locked, endpoint)))
    }

    /// Returns where an endpoint leads, as far as that is known before a run.
    fn origin(&self, locked: &Locked, endpoint: Option<&Endpoint>) -> String {
        let named = self.settings.file().destination().map(str::to_owned);
        let registry = named
            .or_else(|| destination_of_environment().map(|registry| registry.to_string()))
            .unwrap_or_else(|| "the destination registry".to_owned());
        let origin = endpoint.map_or("registry", |endpoint| endpoint.origin.as_str());
        let config = self.settings.config(&locked.name);
        let templates = endpoint.map_or(&[][..], |endpoint| &endpoint.templates);
        match origin.strip_prefix("config:") {
            Some(key) => match config.get(key).and_then(serde_json::Value::as_str) {
                None | Some("" | "registry") => {
                    let by_host = templates.iter().map(|template| {
                        format!(", or {} for {}", template.origin, template.registry)
                    });
                    let by_host: String = by_host.collect();
                    format!("{registry}{by_host} (or what {}.{key} names)", locked.name)
                }
                Some(origin) => origin.replace("{registry}", &registry),
            },
            None if origin == "registry" => registry,
            None => origin.replace("{registry}", &registry),
        }
    }

    /// Asks the user. Returns the grants to add to the settings file.
    ///
    /// # Errors
    /// Returns an error if the user says no, or cannot be asked.
    pub(super) fn ask(
        &self,
        locked: &Locked,
        flags: &ConsentFlags,
        question: &Question<'_>,
    ) -> Result<Vec<String>, InstallError> {
        check_endpoints(locked, &flags.grant)?;
        let granted = self.settings.granted(&locked.name);
        let given = ungranted(&flags.grant, granted)?;
        let known: Vec<String> =
            granted.iter().chain(&given).chain(question.before).cloned().collect();
        let missing = ungranted(&locked.wants, &known)?;
        if flags.yes {
            for grant in &missing {
                let text = format!(
                    "{} wants {}, which is not granted: such requests are refused; --grant {} allows them",
                    locked.name,
                    self.told(locked, grant),
                    shell_command([grant.clone()])
                );
                self.log.write(Level::Warning, &text);
            }
            return Ok(given);
        }
        if missing.is_empty() && !question.always {
            return Ok(given);
        }
        if !std::io::stdin().is_terminal() {
            let words = question.command.iter().cloned().chain(["--yes".to_owned()]);
            let grants = flags.grant.iter().chain(&missing);
            let words = words.chain(grants.map(|grant| format!("--grant={grant}")));
            let command = shell_command(words);
            return Err(InstallError::NoTerminal { what: question.what.clone(), command });
        }
        let requests =
            if missing.is_empty() { "" } else { ", and allow the requests that it wants" };
        let prompt = format!("{}{requests}? [y/N] ", question.what);
        let answer = match rustyline::DefaultEditor::new()?.readline(&prompt) {
            Ok(answer) => answer,
            Err(rustyline::error::ReadlineError::Eof) => String::new(),
            Err(error) => return Err(error.into()),
        };
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(given.into_iter().chain(missing).collect()),
            _ => Err(InstallError::Declined(question.what.clone())),
        }
    }
}

/// Returns the name of an interface and its version. The log takes `a:b@c` for a password.
pub(super) fn interface(name: &str) -> String {
    shown(name).replace('@', " ")
}

/// Refuses grants for endpoints that the plugin does not have.
fn check_endpoints(locked: &Locked, grants: &[String]) -> Result<(), InstallError> {
    for grant in grants {
        longshore_plugin_host::check_grant(grant)?;
        let endpoint = grant.split_ascii_whitespace().nth(1).unwrap_or_default();
        let is_known = |known: &Endpoint| known.name == endpoint;
        if endpoint != "registry" && !locked.endpoints.iter().any(is_known) {
            let (grant, name) = (grant.clone(), locked.name.clone());
            return Err(InstallError::GrantEndpoint { grant, name });
        }
    }
    Ok(())
}
