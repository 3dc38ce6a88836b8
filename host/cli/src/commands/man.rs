//! Runs `longshore man`.

use crate::error::{Exit, Fatal};
use crate::flags::{self, Man};
use crate::report;

/// Writes the main page to standard output, or all pages into a folder.
pub(crate) fn write(flags: Man) -> Result<Exit, Fatal> {
    let mut cli = flags::command().disable_help_subcommand(true);
    cli.build();
    let Some(folder) = flags.dir else {
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

fn page(command: &clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    clap_mangen::Man::new(command.clone().name(name)).render(&mut page)?;
    Ok(page)
}
