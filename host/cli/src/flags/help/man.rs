//! The arguments of `longshore man`.

use std::path::PathBuf;

use clap::Args;

/// Write the manual pages: the main page to standard output, or all pages into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore man | man -l -
  longshore man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Write all pages into the folder DIR, and create the folder if it is missing
    pub(crate) dir: Option<PathBuf>,
}
