//! `longshore completions`.

use clap::{Args, CommandFactory};

use super::Cli;
use crate::error::{Exit, Fatal};
use crate::report;

/// Print the completions of a shell, to be sourced by it
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn print(self) -> Result<Exit, Fatal> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "longshore", &mut script);
        report::print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
