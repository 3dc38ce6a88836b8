//! The command line: clap definitions, one file per command.

mod arguments;
mod caches;
mod completions;
mod convert;
mod formats;
mod interrupt;
mod man;
mod mirror;
mod planning;
mod prompt;
mod rewrite;
mod serve;
mod session;
mod spelling;
mod stores;
mod validate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::{Exit, Fatal};
use crate::report::{Log, Verb};
use crate::settings::{Arguments, ConvertSettings, RunSettings, SettingsError, SettingsFile};

/// Mirrors container images, Helm charts and other OCI artifacts between registries.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: arguments::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Mirror(Box<mirror::Mirror>),
    MirrorValidate(Box<validate::Validate>),
    ConvertList(convert::Convert),
    Serve(serve::Serve),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = spelling::normalised(std::env::args_os(), Cli::command);
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let error = spelling::with_tip(error, &arguments, &Cli::command());
            // Printing can only fail where nobody reads it.
            let _gone = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let log = Log::to_stderr(cli.global.debug == Some(true));
    match start(cli, &log) {
        Ok(exit) => exit.into(),
        Err(fatal) => {
            log.failure(None, &format!("failed to {fatal}"), fatal.hint().as_deref());
            fatal.exit().into()
        }
    }
}

fn start(cli: Cli, log: &Arc<Log>) -> Result<Exit, Fatal> {
    match cli.command {
        Command::Completions(completions) => completions.print(),
        Command::Man(man) => man.write(),
        Command::ConvertList(convert) => {
            let file = settings_file(cli.global.settings.as_deref())?;
            let settings = ConvertSettings::resolve(convert.arguments(&cli.global), file)?;
            let log = with_debug(log, settings.debug);
            let runtime = runtime()?;
            let ran = runtime.block_on(convert.run(settings, &log));
            runtime.shutdown_background();
            ran
        }
        Command::Serve(serve) => {
            let file = settings_file(cli.global.settings.as_deref())?;
            let debug = cli
                .global
                .debug
                .map_or_else(|| file.boolean("serve", "debug"), |given| Ok(Some(given)))?;
            let log = with_debug(log, debug == Some(true));
            runtime()?.block_on(serve.run(&file, &log))
        }
        Command::Mirror(mut mirror) => match mirror.alias.take() {
            Some(mirror::Alias::Validate(validate)) => {
                mirror_or_validate(Verb::Validate, validate.arguments(cli.global), log)
            }
            None => mirror_or_validate(Verb::Mirror, mirror.arguments(cli.global, log), log),
        },
        Command::MirrorValidate(validate) => {
            mirror_or_validate(Verb::Validate, validate.arguments(cli.global), log)
        }
    }
}

fn mirror_or_validate(verb: Verb, arguments: Arguments, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let file = settings_file(arguments.settings.as_deref())?;
    let settings = RunSettings::resolve(verb, arguments, variable("DOCKER_REGISTRY"), file)?;
    let log = with_debug(log, settings.debug);
    follow_tracing(&log);
    let runtime = runtime()?;
    let ran = runtime.block_on(session::run(settings, &log));
    // A read of standard input that was given up would hold up the end.
    runtime.shutdown_background();
    ran
}

/// The log, or one with details if the settings file asks for them.
fn with_debug(log: &Arc<Log>, debug: bool) -> Arc<Log> {
    if debug && !log.shows_debug() { Log::to_stderr(true) } else { Arc::clone(log) }
}

/// Lets `log` show what the rooms trace.
fn follow_tracing(log: &Arc<Log>) {
    tracing_subscriber::registry().with(log.layer()).init();
}

/// So many threads wait for the disk and for names at once: each keeps megabytes.
const BLOCKING: usize = 8;

fn runtime() -> Result<tokio::runtime::Runtime, Fatal> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    Ok(runtime.enable_all().max_blocking_threads(BLOCKING).build()?)
}

/// An environment variable as text; what is no text counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The settings file: `--settings`, `LONGSHORE_CONFIG`, or the user's, which need not exist.
fn settings_file(given: Option<&str>) -> Result<SettingsFile, SettingsError> {
    let set = |path: &String| !path.is_empty();
    let named = given.map(str::to_owned).filter(set);
    let named = named.or_else(|| variable("LONGSHORE_CONFIG").filter(set));
    let path = match named.map(PathBuf::from) {
        Some(path) => path,
        None => match directories::BaseDirs::new() {
            Some(folders) if folders.config_dir().join("longshore.toml").exists() => {
                folders.config_dir().join("longshore.toml")
            }
            _ => return Ok(SettingsFile::default()),
        },
    };
    SettingsFile::read(&path, &flags_by_command())
}

/// The long flags of each command, which are the keys of the settings file; only the flag that names
/// the file cannot stand in it.
fn flags_by_command() -> BTreeMap<String, BTreeSet<String>> {
    let cli = Cli::command();
    let long = |command: &clap::Command| -> BTreeSet<String> {
        let flags = command.get_arguments().filter_map(clap::Arg::get_long);
        flags.filter(|&flag| flag != "settings").map(str::to_owned).collect()
    };
    let global = long(&cli);
    let flags_of = |command: &clap::Command| {
        let mut flags = &long(command) | &global;
        if command.get_name() == "convert-list" {
            flags.retain(|flag| !convert::Convert::OWN_FLAGS.contains(&flag.as_str()));
        }
        (command.get_name().to_owned(), flags)
    };
    cli.get_subcommands().map(flags_of).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }
}
