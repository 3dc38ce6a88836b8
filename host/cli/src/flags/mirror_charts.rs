//! The flags of `longshore mirror-charts`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::LimitFlags;
use super::repo_type::RepoTypeFlags;
use super::values::jobs;
use crate::report::OutputFormat;

/// Flags that the settings file cannot set: they choose the charts of one run.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 6] =
    ["chart", "all", "version", "config", "schema", "why"];

/// Copy Helm charts, and the images that they need, to a registry
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore mirror-charts --config mirror.yaml --all
  longshore mirror-charts -c mirror.yaml --chart vault --version '^0.28' --dry-run

mirror.yaml names the target and the charts; --schema prints its schema. Images are found by rendering \
each chart; a dry run says for each image where it was found.
Exit codes: 0 all charts and images are copied, 1 some failed (the failed list names them), 2 the usage \
or configuration is wrong and nothing was copied, 130 interrupted.")]
pub(crate) struct MirrorCharts {
    /// Read the configuration from FILE
    #[arg(short, long, value_name = "FILE", default_value = "mirror.yaml")]
    pub(crate) config: PathBuf,
    /// Mirror the charts of one key under upstreams
    #[arg(long, value_name = "KEY", conflicts_with = "all")]
    pub(crate) chart: Option<String>,
    /// Mirror the charts of all keys under upstreams
    #[arg(long)]
    pub(crate) all: bool,
    /// Mirror this version of --chart instead of those in the configuration: a version, a range such as
    /// '^0.28' or '>=1 <2', or latest:3; may be repeated
    #[arg(long = "version", value_name = "VERSION")]
    pub(crate) versions: Vec<String>,
    /// Show what would be mirrored and why, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Mirror charts only, without images
    #[arg(long, conflicts_with = "images_only")]
    pub(crate) charts_only: bool,
    /// Mirror images only, without charts
    #[arg(long)]
    pub(crate) images_only: bool,
    /// Copy at most N charts and images at once, over the whole run
    #[arg(long, value_name = "N", default_value = "4", value_parser = jobs, allow_negative_numbers = true)]
    pub(crate) concurrency: usize,
    /// Print the report to standard output as FORMAT
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
    /// Write the report to FILE too, as one HTML page
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
    /// Keep the archives of the charts in DIR
    #[arg(long, value_name = "DIR")]
    pub(crate) artifact_dir: Option<PathBuf>,
    /// Accept the name of a theme; longshore has no themes
    #[arg(long, value_name = "NAME", hide = true)]
    pub(crate) theme: Option<String>,
    /// Render charts with RENDERER: auto, builtin, helm (the program on PATH), an installed plugin, or the
    /// path of a program or a component; auto is the built-in one, else helm
    #[arg(long, value_name = "RENDERER", default_value = "auto")]
    pub(crate) renderer: String,
    /// Also mirror the images of components that the values switch off
    #[arg(long)]
    pub(crate) include_disabled: bool,
    /// Write values for each chart to DIR that make the chart pull its images from the target
    #[arg(long, value_name = "DIR", conflicts_with = "charts_only")]
    pub(crate) values_overlay: Option<PathBuf>,
    /// Say which charts need IMAGE and where it was found, and copy nothing
    #[arg(long, value_name = "IMAGE", conflicts_with = "values_overlay")]
    pub(crate) why: Option<String>,
    /// Print the JSON schema of the configuration
    #[arg(long)]
    pub(crate) schema: bool,
    /// Write failed images to FILE, a list for mirror, and failed charts as comments
    #[arg(long, value_name = "FILE", default_value = "mirror-charts-failed.txt")]
    pub(crate) failed: PathBuf,
    /// Select images of these architectures, separated with commas [default: all]
    #[arg(short, long, value_name = "LIST")]
    pub(crate) arch: Vec<String>,
    /// Select images of these operating systems, separated with commas [default: all]
    #[arg(long, value_name = "LIST")]
    pub(crate) os: Vec<String>,
    /// Take any word for --arch and --os. Without it, an architecture or system that Go does not know is
    /// an error, unless --arch names both, such as plan9/sparc64
    #[arg(long)]
    pub(crate) arch_any: bool,
    /// Fail an image without any platform for --arch and --os, instead of skipping it with a warning
    #[arg(long)]
    pub(crate) no_arch_os_fail: bool,
    /// Put destinations that have no project into PROJECT [default: none]
    #[arg(long, value_name = "PROJECT")]
    pub(crate) default_project: Option<String>,
    /// Change destinations with PLUGIN: a built-in plugin (flatten, map, policy, prefix, regex), an installed
    /// one or the path of a component; may be repeated
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) rewrite: Vec<String>,
    /// Set an option of a plugin; @FILE as VALUE reads the value from FILE; may be repeated
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) plugin_config: Vec<String>,
    /// Use only plugins of the lock file, and check first that each of them is on this machine as the lock
    /// file says
    #[arg(long)]
    pub(crate) locked: bool,
    #[command(flatten)]
    pub(crate) registry: RepoTypeFlags,
    /// Copy the referrers of charts and images too: signatures, SBOMs and attestations
    #[arg(long)]
    pub(crate) referrers: bool,
    /// Check every manifest and blob at the target; send again what is lost
    #[arg(long)]
    pub(crate) force_recursive: bool,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
}
