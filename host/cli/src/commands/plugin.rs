//! Runs the commands of `longshore plugin`.

mod add;
mod author;
mod consent;
mod info;
mod installation;
mod list;
mod moved;
mod pack;
mod prefetch;
mod push;
mod remove;
mod update;

use std::sync::Arc;

use self::installation::Installation;
pub(crate) use self::moved::with_moved_tag;
use crate::error::{Exit, Fatal};
use crate::flags::PluginCommand;
use crate::report::Log;
use crate::settings::SettingsFile;
use longshore_registry::InsecureRegistries;

/// Runs one command about plugins.
pub(crate) async fn run(
    command: PluginCommand,
    file: SettingsFile,
    insecure: &InsecureRegistries,
    log: &Arc<Log>,
) -> Result<Exit, Fatal> {
    let open = || Installation::open(file, insecure, log);
    match command {
        PluginCommand::New(flags) => author::new(&flags),
        PluginCommand::Test(flags) => author::test(&flags, insecure, log).await,
        PluginCommand::Bench(flags) => author::bench(&flags, log).await,
        PluginCommand::List(flags) => list::run(&flags, &open()?),
        PluginCommand::Info(flags) => info::run(&flags, &open()?).await,
        PluginCommand::Add(flags) => add::run(flags, open()?).await,
        PluginCommand::Update(flags) => update::run(flags, open()?).await,
        PluginCommand::Remove(flags) => remove::run(&flags, open()?),
        PluginCommand::Prefetch(_) => prefetch::run(&open()?).await,
        PluginCommand::Push(flags) => push::run(&flags, &open()?).await,
        PluginCommand::Pack(flags) => pack::run(&flags, log),
    }
}
