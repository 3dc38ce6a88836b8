//! Flags of every command.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command};
use longshore_engine::event::Level;

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
/// The flag that has no effect on them.
pub(crate) const OF_CONNECTIONS: &str = "tls-verify";
const ID: &str = "tls_verify";

/// Says whether `--tls-verify` has no effect on the command at `path`, and is on the command line of
/// `matches`.
pub(crate) fn is_without_effect(path: &[String], matches: &ArgMatches) -> bool {
    let source = matches.try_contains_id(ID).ok().and_then(|_| matches.value_source(ID));
    OFFLINE.iter().any(|command| *command == path) && source == Some(ValueSource::CommandLine)
}

/// Hides `--tls-verify` where it has no effect: a hidden flag of the command takes its place.
pub(super) fn hide_without_effect(cli: Command) -> Command {
    OFFLINE.into_iter().fold(cli, hide_at)
}

fn hide_at(command: Command, path: &[&str]) -> Command {
    let Some((name, path)) = path.split_first() else {
        let hidden = Arg::new(ID).long(OF_CONNECTIONS).hide(true);
        return command.arg(hidden.num_args(0..=1).require_equals(true));
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
    /// Returns the lowest level that the log shows.
    pub(crate) const fn least_level(&self) -> Level {
        match (self.debug, self.quiet) {
            (true, _) => Level::Debug,
            (false, true) => Level::Warning,
            (false, false) => Level::Info,
        }
    }
}
