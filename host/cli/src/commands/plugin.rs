//! Runs the commands of `longshore plugin`.

mod add;
mod consent;
mod info;
mod installation;
mod list;
mod pack;
mod prefetch;
mod push;
mod remove;
mod update;

use std::sync::Arc;

use self::installation::Installation;
use crate::error::{Exit, Fatal};
use crate::flags::PluginCommand;
use crate::report::Log;
use crate::settings::SettingsFile;

/// Runs one command about plugins.
pub(crate) async fn run(
    command: PluginCommand,
    file: SettingsFile,
    tls_verify: bool,
    log: &Arc<Log>,
) -> Result<Exit, Fatal> {
    let installation = Installation::open(file, tls_verify, log)?;
    match command {
        PluginCommand::List(flags) => list::run(&flags, &installation),
        PluginCommand::Info(flags) => info::run(&flags, &installation).await,
        PluginCommand::Add(flags) => add::run(flags, installation).await,
        PluginCommand::Update(flags) => update::run(flags, installation).await,
        PluginCommand::Remove(flags) => remove::run(&flags, installation),
        PluginCommand::Prefetch(_) => prefetch::run(&installation).await,
        PluginCommand::Push(flags) => push::run(&flags, &installation).await,
        PluginCommand::Pack(flags) => pack::run(&flags, log),
    }
}
