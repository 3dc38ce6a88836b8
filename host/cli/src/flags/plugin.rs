//! The flags of `longshore plugin` and its commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::report::OutputFormat;

/// Flags that the settings file cannot set: they are about one plugin.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 3] = ["grant", "output", "yes"];

/// List, install, make, test, pack and push plugins
#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    subcommand_required = true,
    after_help = "\
Examples:
  longshore plugin list
  longshore plugin info harbor"
)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

/// The commands about plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    List(PluginList),
    Info(PluginInfo),
    Add(PluginAdd),
    Update(PluginUpdate),
    Remove(PluginRemove),
    Prefetch(PluginPrefetch),
    Pack(PluginPack),
    Push(PluginPush),
    New(PluginNew),
    Test(PluginTest),
    Bench(PluginBench),
}

/// List the built-in and the installed plugins
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
  longshore plugin info oci://registry.example.com/plugins/mine:1

The component is read, and neither compiled nor run.
Exit codes: 0 the plugin is shown, 2 there is no such plugin or it cannot be read.")]
pub(crate) struct PluginInfo {
    /// Show PLUGIN: the name of a built-in or installed plugin, the path of a component,
    /// oci://REGISTRY/REPOSITORY:TAG, or oci:DIR/REPOSITORY:TAG in a folder of OCI image layouts
    #[arg(value_name = "PLUGIN")]
    pub(crate) plugin: String,
    /// Print the plugin to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
}

/// Install a plugin, and lock its digest
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin add oci://registry.example.com/plugins/mine:1
  longshore plugin add ./mine.wasm --yes --grant 'GET registry /api/**'

The digest is written to longshore.lock beside the settings file, and grants to the settings file. Runs \
then use the plugin by its name, like a built-in one.
Exit codes: 0 the plugin is installed, 2 nothing was changed.")]
pub(crate) struct PluginAdd {
    /// Install the plugin from SOURCE: the path of a component, oci://REGISTRY/REPOSITORY:TAG, or
    /// oci:DIR/REPOSITORY:TAG in a folder of OCI image layouts
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    #[command(flatten)]
    pub(crate) consent: ConsentFlags,
}

/// How the user agrees.
#[derive(Debug, Args)]
pub(crate) struct ConsentFlags {
    /// Agree without being asked; requests are granted only with --grant or in the settings file
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Allow the plugin to send these requests, such as 'GET,POST registry /api/**', and write this into the
    /// settings file; may be repeated
    #[arg(long, value_name = "METHODS ENDPOINT /PATH")]
    pub(crate) grant: Vec<String>,
}

/// Install the plugins that the sources have now, and lock their digests
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin update
  longshore plugin update mine --yes

The old and the new digest are shown. A plugin that wants to send more requests than before is updated only \
if you agree.
Exit codes: 0 all plugins are as their sources have them, 1 some could not be updated, 2 the usage or \
configuration is wrong.")]
pub(crate) struct PluginUpdate {
    /// Update the installed plugins NAME [default: all]
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentFlags,
}

/// Remove an installed plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin remove mine
  longshore plugin remove mine --settings ci/longshore.toml

Its table in the settings file stays.")]
pub(crate) struct PluginRemove {
    /// Remove the installed plugin NAME
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Fetch and compile what the lock file names, for runs without a network
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin prefetch
  longshore plugin prefetch --settings ci/longshore.toml

Components are fetched by their locked digests. The lock file is not changed.
Exit codes: 0 all plugins are on this machine, 1 some could not be fetched, 2 the usage or configuration is \
wrong.")]
pub(crate) struct PluginPrefetch {}

/// Add metadata to a component or a core module
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin pack target/wasm32-wasip2/release/mine.wasm plugin.json
  longshore plugin pack component.wasm plugin.json -o mine.wasm

Go makes core modules: pack makes a component of one that exports a world of the contract. The result is \
checked as plugin add would check it. The same input gives the same bytes.")]
pub(crate) struct PluginPack {
    /// Read the component, or the core module, from COMPONENT
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
    /// Read the metadata from METADATA, a JSON file
    #[arg(value_name = "METADATA")]
    pub(crate) metadata: PathBuf,
    /// Write the plugin to FILE [default: NAME.wasm, with the name in the metadata]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Push a plugin to a registry or a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin push mine.wasm oci://registry.example.com/plugins/mine:1
  longshore plugin push mine.wasm oci:/mnt/usb/plugins/mine:1

The artifact has the Wasm OCI layout of the CNCF, which wkg and oras pull. The same file gives the same \
digest, which is printed.
Exit codes: 0 the plugin is pushed, 2 it is not.")]
pub(crate) struct PluginPush {
    /// Push the plugin in FILE
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Push it to REFERENCE: oci://REGISTRY/REPOSITORY:TAG, or oci:DIR/REPOSITORY:TAG in a folder of OCI
    /// image layouts
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
}

/// Make the folder of a new plugin
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin new --kind list-format my-list
  longshore plugin new --kind repo-type --lang go in-house

The folder NAME builds and passes its tests as it is. Its README.md has the commands.
Exit codes: 0 the folder is there, 2 it could not be made.")]
pub(crate) struct PluginNew {
    /// Make a plugin of this kind
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) kind: PluginKind,
    /// Write it in this language
    #[arg(long, value_enum, value_name = "LANG", default_value = "rust")]
    pub(crate) lang: PluginLanguage,
    /// Name the plugin and its folder NAME: lower-case words of letters and digits, joined by hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// The kinds of plugins.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PluginKind {
    /// Reads a list of images
    ListFormat,
    /// Decides where images go
    Rewrite,
    /// Prepares a kind of registry
    RepoType,
    /// Renders Helm charts
    ChartRender,
}

/// The languages of new plugins.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PluginLanguage {
    /// Rust, with the SDK
    Rust,
    /// Go, with its own compiler
    Go,
    /// JavaScript, with componentize-qjs
    Js,
    /// Python, with componentize-py
    Python,
}

/// Run a plugin on its fixtures, and compare the results with the expected ones
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin test .
  longshore plugin test my-list --update
  longshore plugin test in-house --record registry.example.com --grant 'GET,PUT api /api/teams/*'

Requests are answered from the fixtures, unless --record is given.
Exit codes: 0 all fixtures passed, 1 some failed, 2 the plugin or a fixture cannot be read.")]
pub(crate) struct PluginTest {
    /// Test the plugin in this folder, or this component
    #[arg(value_name = "DIR|FILE")]
    pub(crate) plugin: PathBuf,
    /// Read fixtures from this folder (default: fixtures beside the plugin)
    #[arg(long, value_name = "DIR")]
    pub(crate) fixtures: Option<PathBuf>,
    /// Write the results into the fixtures as the expected ones
    #[arg(long, conflicts_with = "record")]
    pub(crate) update: bool,
    /// Send the requests of a repository type to this registry, and write exchanges and results into its
    /// fixtures, without secrets
    #[arg(long, value_name = "HOST[:PORT]", requires = "grant")]
    pub(crate) record: Option<String>,
    /// Let the plugin send these requests while recording: METHODS ENDPOINT /PATH; may be repeated
    #[arg(long, value_name = "GRANT", requires = "record")]
    pub(crate) grant: Vec<String>,
}

/// Measure the time and the memory of a plugin's calls on its fixtures
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore plugin bench .
  longshore plugin bench ./mine.wasm --fixtures large --calls 100

Exit codes: 0 the figures are shown, 1 some calls failed, 2 the plugin or a fixture cannot be read.")]
pub(crate) struct PluginBench {
    /// Measure the plugin in this folder, or this component
    #[arg(value_name = "DIR|FILE")]
    pub(crate) plugin: PathBuf,
    /// Read fixtures from this folder (default: fixtures beside the plugin)
    #[arg(long, value_name = "DIR")]
    pub(crate) fixtures: Option<PathBuf>,
    /// Make the call of each fixture N times
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) calls: u32,
}
