//! The arguments of `longshore completions`.

use clap::Args;

/// Print the completion script of a shell; source it in the shell's start file
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Write the script for SHELL
    pub(crate) shell: clap_complete::Shell,
}
