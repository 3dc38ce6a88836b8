//! The flags of `longshore plugin` and its commands.

use clap::{Args, Subcommand};

use crate::report::OutputFormat;

/// List and inspect plugins
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true, subcommand_required = true)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

/// The commands about plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    List(PluginList),
    Info(PluginInfo),
}

/// List the built-in plugins
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin list
  longshore plugin list --output json")]
pub(crate) struct PluginList {
    /// Print the plugins to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

/// Show what a plugin is, what it imports and which requests it wants to send
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin info harbor
  longshore plugin info ./mine.wasm

The component is read, and neither compiled nor run.
Exit codes: 0 the plugin is shown, 2 there is no such plugin or it cannot be read.")]
pub(crate) struct PluginInfo {
    /// Show PLUGIN: the name of a built-in plugin or the path of a component
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: String,
    /// Print the plugin to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}
