//! Runs `longshore completions`.

use crate::error::{Exit, Fatal};
use crate::flags::{self, Completions};
use crate::report;

/// Prints the completion script of a shell.
pub(crate) fn print(flags: &Completions) -> Result<Exit, Fatal> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut flags::command(), "longshore", &mut script);
    report::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
