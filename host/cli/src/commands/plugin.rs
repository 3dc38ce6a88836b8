//! Runs the commands of `longshore plugin`.

mod info;
mod list;

use crate::error::{Exit, Fatal};
use crate::flags::PluginCommand;

/// Runs one command about plugins.
pub(crate) fn run(command: PluginCommand) -> Result<Exit, Fatal> {
    match command {
        PluginCommand::List(flags) => list::run(&flags),
        PluginCommand::Info(flags) => info::run(&flags),
    }
}
