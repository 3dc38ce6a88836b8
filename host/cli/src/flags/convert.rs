//! The flags of `longshore convert-list`.

use std::time::Duration;

use clap::Args;
use longshore_engine::list::STANDARD_FORMAT;
use longshore_oci::Repository;
use longshore_plugin_host::PluginHost;

use super::HangarFlags;
use super::chart_list::ChartListFlags;
use super::values::{duration, project};

/// Flags that the settings file cannot set: they name the files of one run.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 3] = ["input", "output", "auto-yes"];

/// Write an image list in another format; the default format is SOURCE DESTINATION TAG
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore convert-list -i rancher-images.txt -d registry.example.com
  longshore convert-list -i regsync.yml -o images.txt -y
  longshore convert-list -i mirror.yaml -o charts-and-images.txt

Names, ports, tags and digests stay as they are written. If the format of --to cannot express some \
entries, errors name them, and nothing is written; --keep-going writes the others. --resolve replaces an \
entry that selects tags by pattern with one entry for each tag. The configuration of mirror-charts \
becomes a list of its charts and their images.
Exit codes: 0 all entries are written, 1 some entries are left out, 2 nothing is written.")]
pub(crate) struct Convert {
    /// Read the list from FILE; - is standard input
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input: String,
    /// Write the new list to FILE; - is standard output [default: INPUT.converted]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<String>,
    /// Override the source registry of every entry
    #[arg(short, long, value_name = "REGISTRY")]
    pub(crate) source: Option<String>,
    /// Override the destination registry of every entry
    #[arg(short, long, value_name = "REGISTRY")]
    pub(crate) destination: Option<String>,
    /// Replace the project of every source, which is the first component of its path, by PROJECT
    #[arg(long, value_name = "PROJECT", value_parser = project)]
    pub(crate) source_project: Option<Repository>,
    /// Replace the project of every destination, which is the first component of its path, by PROJECT
    #[arg(long, value_name = "PROJECT", value_parser = project)]
    pub(crate) destination_project: Option<Repository>,
    /// Overwrite the output file without asking
    #[arg(short = 'y', long)]
    pub(crate) auto_yes: bool,
    /// Read the list with PLUGIN: a built-in or installed plugin, or the path of a component [default: detected from
    /// the content]
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) list_format: Option<String>,
    #[arg(long, value_name = "PLUGIN", default_value = STANDARD_FORMAT, help = to_help())]
    pub(crate) to: String,
    /// Ask the registries for the tags that entries select by pattern, and write one entry for each tag
    #[arg(long)]
    pub(crate) resolve: bool,
    /// Write the other entries if the format of --to cannot express some
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Set an option of a plugin; @FILE as VALUE reads the value from FILE; may be repeated
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) plugin_config: Vec<String>,
    /// Use only plugins of the lock file, and check first that each of them is on this machine as the lock
    /// file says
    #[arg(long)]
    pub(crate) locked: bool,
    /// The time of one image, which a conversion does not need
    #[arg(long, value_name = "TIME", hide = true, value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) charts: ChartListFlags,
    #[command(flatten)]
    pub(crate) hangar: HangarFlags,
}

fn to_help() -> String {
    let written = PluginHost::built_in_formats().filter(|format| format.renders);
    let names: Vec<&str> = written.map(|format| format.name).collect();
    format!(
        "Write the list with PLUGIN: a built-in plugin ({}), an installed one or the path of a component",
        names.join(", ")
    )
}
