//! The arguments of `longshore completions`.

use clap::Args;

/// Print the completion script of a shell; source it in the shell's start file
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore completions bash > ~/.local/share/bash-completion/completions/longshore
  longshore completions fish > ~/.config/fish/completions/longshore.fish")]
pub(crate) struct Completions {
    /// Write the script for SHELL
    pub(crate) shell: clap_complete::Shell,
}
