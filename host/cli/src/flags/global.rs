//! Flags of every command.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};
use longshore_engine::event::Level;
use longshore_oci::Registry;
use longshore_registry::InsecureRegistries;

use super::account;

/// Flags that the settings file cannot set.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 1] = ["settings"];

/// Commands that connect to no registry, each with its subcommand. A worker connects as each run wants it.
const OFFLINE: [&[&str]; 10] = [
    &["serve"],
    &["completions"],
    &["man"],
    &["logout"],
    &["worker"],
    &["plugin", "list"],
    &["plugin", "remove"],
    &["plugin", "pack"],
    &["plugin", "new"],
    &["plugin", "bench"],
];
/// The flags that have no effect on them, and their identifiers.
pub(crate) const OF_CONNECTIONS: [&str; 2] = ["tls-verify", "insecure-registry"];
const IDS: [&str; 2] = ["tls_verify", "insecure_registry"];

/// Returns the flag on the command line of `matches` that has no effect on the command at `path`.
pub(crate) fn without_effect(path: &[String], matches: &ArgMatches) -> Option<&'static str> {
    let is_given = |id: &str| {
        let source = matches.try_contains_id(id).ok().and_then(|_| matches.value_source(id));
        source == Some(ValueSource::CommandLine)
    };
    let is_offline = OFFLINE.iter().any(|command| *command == path);
    let given = IDS.iter().position(|id| is_offline && is_given(id))?;
    Some(OF_CONNECTIONS[given])
}

/// Hides these flags where they have no effect: hidden flags of the command take their places.
pub(super) fn hide_without_effect(cli: Command) -> Command {
    OFFLINE.into_iter().fold(cli, hide_at)
}

fn hide_at(command: Command, path: &[&str]) -> Command {
    let Some((name, path)) = path.split_first() else {
        let hidden = |at: usize| {
            let flag = Arg::new(IDS[at]).long(OF_CONNECTIONS[at]).hide(true);
            flag.num_args(0..=1).require_equals(at == 0)
        };
        return command.arg(hidden(0)).arg(hidden(1));
    };
    if command.find_subcommand(name).is_none() {
        return command;
    }
    command.mut_subcommand(name, |command| hide_at(command, path))
}

/// Flags of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Show debug messages in the log
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) debug: bool,
    /// Log only warnings and errors, and show no progress; --debug has priority
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Verify TLS certificates; =false also allows plain HTTP
    #[arg(long, global = true, help_heading = "Global options", default_value = "true")]
    pub(crate) tls_verify: bool,
    /// Skip certificate checks for this registry alone, and allow plain HTTP to it; may be repeated
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "HOST[:PORT]",
        value_parser = account::registry,
        value_delimiter = ','
    )]
    pub(crate) insecure_registry: Vec<Registry>,
    /// Read settings from FILE [default: longshore.toml in the user's configuration directory]
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "FILE",
        env = "LONGSHORE_CONFIG",
        hide_env_values = true
    )]
    pub(crate) settings: Option<PathBuf>,
}

impl Global {
    /// Returns the registries that need not prove who they are.
    pub(crate) fn insecure(&self) -> InsecureRegistries {
        InsecureRegistries { all: !self.tls_verify, named: self.insecure_registry.clone() }
    }

    /// Returns the lowest level that the log shows.
    pub(crate) const fn least_level(&self) -> Level {
        match (self.debug, self.quiet) {
            (true, _) => Level::Debug,
            (false, true) => Level::Warning,
            (false, false) => Level::Info,
        }
    }
}
