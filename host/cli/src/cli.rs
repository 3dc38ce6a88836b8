//! Parses the command line and runs its command.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use longshore_engine::event::Level;
use longshore_registry::redact;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::commands::{
    completions, convert, copy, inspect, login, man, mirror, mirror_charts, plugin, serve, worker,
};
use crate::error::{Exit, Fatal};
use crate::flags::{self, Alias, Command, HangarFlags};
use crate::report::{self, Log, LogLayer};
use crate::settings::{
    self, ChartSettings, ConvertSettings, CopySettings, Invocation, InvocationError, RunSettings,
    Task,
};

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    if let Some(code) = longshore_plugin_host::compile_if_asked(std::env::args_os()) {
        return code;
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(version) = flags::version_if_asked(&arguments) {
        // Printing fails only if the reader is gone.
        let _gone = report::print(&version);
        return Exit::Done.into();
    }
    let arguments = flags::normalised(arguments, flags::command);
    let invocation = match settings::resolve(&arguments) {
        Ok(invocation) => invocation,
        Err(InvocationError::Usage(error)) if error.use_stderr() => {
            print_usage(&flags::with_tip(error, &arguments, &flags::command()));
            return Exit::Usage.into();
        }
        // The help, or the version.
        Err(InvocationError::Usage(text)) => {
            print_usage(&text);
            return Exit::Done.into();
        }
        Err(InvocationError::Settings(error)) => {
            return failed(&Log::to_stderr(Level::Info), &error.into());
        }
    };
    let log = Log::to_stderr(invocation.cli.global.least_level());
    match start(invocation, &log) {
        Ok(exit) => exit.into(),
        Err(fatal) => failed(&log, &fatal),
    }
}

/// Prints clap's error, or its help. An error may quote an argument with a password or control characters in it.
fn print_usage(error: &clap::Error) {
    let text = error.render().to_string();
    let lines = redact(&text);
    let lines: Vec<_> = lines.split('\n').map(report::escape).collect();
    let shown = lines.join("\n");
    // Printing fails only if the reader is gone.
    let _gone = match error.use_stderr() && shown != text {
        true => std::io::stderr().write_all(shown.as_bytes()),
        false => error.print(),
    };
}

fn failed(log: &Log, fatal: &Fatal) -> ExitCode {
    log.failure(None, &format!("failed to {fatal}"), fatal.hint().as_deref());
    fatal.exit().into()
}

fn start(invocation: Invocation, log: &Arc<Log>) -> Result<Exit, Fatal> {
    let Invocation { cli, origins, file } = invocation;
    let global = cli.global;
    let used = file.path().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    log.write(Level::Debug, &format!("settings file: {used}"));
    let (lock, insecure) = (file.clone(), global.insecure());
    let with_tag = async |command: Result<Exit, Fatal>| match command {
        Err(fatal) => Err(plugin::with_moved_tag(fatal, &lock, &insecure).await),
        done => done,
    };
    let (list, task) = match cli.command {
        Command::Completions(flags) => return completions::print(&flags),
        Command::Man(flags) => return man::write(flags),
        Command::Plugin(flags) => {
            let task = plugin::run(flags.command, file, &insecure, log);
            return block_on(task, log);
        }
        Command::Serve(flags) => return block_on(serve::run(flags, log), log),
        Command::Worker(flags) => return block_on(worker::run(flags, log), log),
        Command::Tags(flags) => {
            return block_on(inspect::tags(flags, &origins, &insecure, log), log);
        }
        Command::Inspect(flags) => {
            return block_on(inspect::inspect(flags, &origins, &insecure, log), log);
        }
        Command::Login(flags) => return block_on(login::run(flags, &insecure, log), log),
        Command::Logout(flags) => return block_on(login::log_out(flags, log), log),
        Command::WhoAmI(flags) => {
            let used = login::UsedSettings { file: &used, destination: file.destination() };
            return block_on(login::who_am_i(flags, &insecure, used, log), log);
        }
        Command::ConvertList(flags) => {
            hide_time(&flags.hangar, log);
            let settings = ConvertSettings::new(flags, &global, &origins, file)?;
            return block_on(async { with_tag(convert::run(settings, log).await).await }, log);
        }
        Command::Copy(flags) => {
            let settings = CopySettings::new(*flags, &global, &origins, file)?;
            return block_on(copy::run(settings, log), log);
        }
        Command::MirrorCharts(flags) if flags.schema => {
            report::print(longshore_chart::config::SCHEMA)?;
            return Ok(Exit::Done);
        }
        Command::MirrorCharts(flags) => {
            let settings = ChartSettings::new(*flags, &global, &origins, file)?;
            return block_on(
                async { with_tag(mirror_charts::run(settings, log).await).await },
                log,
            );
        }
        Command::Mirror(flags) => match flags.alias {
            Some(Alias::Validate(flags)) => (flags.list, Task::Validate(flags.compare)),
            None => (flags.list, Task::Mirror(flags.copy)),
        },
        Command::MirrorValidate(flags) => (flags.list, Task::Validate(flags.compare)),
    };
    hide_time(&list.hangar, log);
    let settings = RunSettings::new(list, task, &global, &origins, file)?;
    block_on(async { with_tag(mirror::run(settings, log).await).await }, log)
}

fn hide_time(flags: &HangarFlags, log: &Log) {
    if flags.hides_log_time() {
        log.hide_time();
    }
}

/// Threads for blocking calls, which read files and resolve names. Each keeps megabytes of stack and
/// arena.
const BLOCKING: usize = 8;

/// Runs a command to its end, and shows the events of `tracing` in `log` meanwhile.
fn block_on(
    command: impl Future<Output = Result<Exit, Fatal>>,
    log: &Arc<Log>,
) -> Result<Exit, Fatal> {
    tracing_subscriber::registry().with(LogLayer::new(Arc::clone(log))).init();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING).build()?;
    let ended = runtime.block_on(command);
    // An abandoned read of standard input must not hold up the exit.
    runtime.shutdown_background();
    ended
}
