//! `longshore man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::Cli;
use crate::error::{Exit, Fatal};
use crate::report;

/// Write the manual pages: the main one to standard output, or all of them into a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore man | man -l -
  longshore man /usr/local/share/man/man1")]
pub(super) struct Man {
    /// The folder; it is made if it is missing
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn write(self) -> Result<Exit, Fatal> {
        let mut cli = Cli::command().disable_help_subcommand(true);
        cli.build();
        let Some(folder) = self.dir else {
            report::print(&String::from_utf8_lossy(&page(&cli)?))?;
            return Ok(Exit::Done);
        };
        std::fs::create_dir_all(&folder).map_err(Fatal::manual(&folder))?;
        for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
            let name = command.get_display_name().unwrap_or_else(|| command.get_name());
            let path = folder.join(format!("{name}.1"));
            std::fs::write(&path, page(command)?).map_err(Fatal::manual(&path))?;
        }
        Ok(Exit::Done)
    }
}

fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    clap_mangen::Man::new(command.clone().name(name)).render(&mut page)?;
    Ok(page)
}
