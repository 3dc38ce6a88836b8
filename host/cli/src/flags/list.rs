//! Flags that `mirror` and `mirror-validate` share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::values::{
    ListCredentials, address, duration, index_mode, interval, jobs, list_credentials, project,
    rate, retries,
};
use super::{FleetFlags, HangarFlags};
use crate::report::OutputFormat;
use longshore_engine::IndexMode;
use longshore_engine::plan::Shard;
use longshore_oci::Repository;
use longshore_plugin_host::{Kind, ListFacts, PluginHost};
use longshore_registry::DEFAULT_RETRIES;

pub(crate) use longshore_plugin_host::REGISTRY_REWRITE;

/// The value of `--default-project` for none. An empty value would be unset.
pub(crate) const NO_PROJECT: &str = "-";

/// Flags that the repeated command leaves out or sets itself: the failed list brings its file and
/// format, and the resolved destination and settings file may come from the environment. (A dry run
/// writes no failed list, and a repeated run must not replace the report of this one. The address of a
/// fleet may have a password in it. A repeated run is one run.)
pub(crate) const NOT_REPEATED: [&str; 10] = [
    "file",
    "list-format",
    "destination",
    "settings",
    "dry-run",
    "report",
    "fleet",
    "run",
    "every",
    "listen",
];

/// Lists the built-in plugins of a kind that a flag may name, for its help.
fn built_in(kind: Kind) -> String {
    let names = PluginHost::built_in(kind).into_iter().filter(|&name| name != REGISTRY_REWRITE);
    format!("a built-in plugin ({}), an installed one", names.collect::<Vec<_>>().join(", "))
}

/// Returns the default of a filter flag, for its help: the built-in formats that have one.
fn default_of(fact: impl Fn(&ListFacts) -> Option<&str>) -> String {
    let mut formats: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for format in PluginHost::built_in_formats() {
        if let Some(default) = fact(&format.list) {
            formats.entry(default).or_default().push(format.name);
        }
    }
    let defaults = formats.iter().map(|(default, names)| {
        let formats = if names.len() == 1 { "format" } else { "formats" };
        format!("{default} for lists in the {formats} {}, ", names.join(" and "))
    });
    format!(" [default: {}else all]", defaults.collect::<String>())
}

/// Flags that `mirror` and `mirror-validate` share.
#[derive(Debug, Args)]
pub(crate) struct ListFlags {
    /// Read the image list from FILE; - is standard input [default: a prompt at a terminal, else
    /// standard input]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Override the source registry of every entry: a registry, or oci:DIR for a folder of OCI image
    /// layouts
    #[arg(short, long, value_name = "REGISTRY|oci:DIR")]
    pub(crate) source: Option<String>,
    /// Override the destination registry of every entry: a registry, or oci:DIR for a folder of OCI
    /// image layouts
    #[arg(
        short,
        long,
        value_name = "REGISTRY|oci:DIR",
        env = "DOCKER_REGISTRY",
        hide_env_values = true
    )]
    pub(crate) destination: Option<String>,
    #[command(flatten)]
    pub(crate) images: ImageFlags,
    /// Process only part K of N of the list, as 2/5, so that N machines share it: all tags of a source
    /// repository are in one part [default: the whole list]
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<Shard>,
    /// Replace the project of every source, which is the first component of its path, by PROJECT
    #[arg(long, value_name = "PROJECT", value_parser = project)]
    pub(crate) source_project: Option<Repository>,
    /// Replace the project of every destination, which is the first component of its path, by PROJECT
    #[arg(long, value_name = "PROJECT", value_parser = project)]
    pub(crate) destination_project: Option<Repository>,
    /// Put destinations that have no project into PROJECT; - leaves them without one. Lists of dregsy,
    /// image-syncer and regsync keep their names unless the flag is given
    #[arg(long, value_name = "PROJECT", default_value = "library")]
    pub(crate) default_project: String,
    #[arg(long, value_name = "PLUGIN", help = format!("Read the image list with PLUGIN: {} or the path of a component [default: detected from the content]", built_in(Kind::ListFormat)))]
    pub(crate) list_format: Option<String>,
    /// Log in with the credentials that the list gives, such as regsync's creds, or those that the list FILE
    /// gives. Only for lists that you trust: they may name variables, files and credential helpers
    /// [default: credentials in lists are ignored]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, value_hint = ValueHint::FilePath, value_parser = list_credentials)]
    pub(crate) list_credentials: ListCredentials,
    #[arg(long, value_name = "PLUGIN", help = format!("Change destinations with PLUGIN: {} or the path of a component; may be repeated", built_in(Kind::Rewrite)))]
    pub(crate) rewrite: Vec<String>,
    #[command(flatten)]
    pub(crate) fleet: FleetFlags,
    #[command(flatten)]
    pub(crate) schedule: ScheduleFlags,
    #[command(flatten)]
    pub(crate) hangar: HangarFlags,
}

/// Flags about images, which `copy` has too.
#[derive(Debug, Args)]
pub(crate) struct ImageFlags {
    #[arg(short, long, value_name = "LIST", help = format!("Select images of these architectures, separated with commas, such as amd64, arm/v7 or linux/amd64; all selects every one{}", default_of(|list| list.default_arch.as_deref())))]
    pub(crate) arch: Vec<String>,
    #[arg(long, value_name = "LIST", help = format!("Select images of these operating systems, separated with commas; all selects every one{}", default_of(|list| list.default_os.as_deref())))]
    pub(crate) os: Vec<String>,
    /// Take any word for --arch and --os. Without it, an architecture or system that Go does not know is
    /// an error, unless --arch names both, such as plan9/sparc64
    #[arg(long)]
    pub(crate) arch_any: bool,
    /// Process at most N images at once
    #[arg(short, long, value_name = "N", default_value = "8", value_parser = jobs, allow_negative_numbers = true)]
    pub(crate) jobs: usize,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
    /// Fail an entry without any image for --arch and --os, instead of skipping it with a warning
    #[arg(long)]
    pub(crate) no_arch_os_fail: bool,
    /// Write image indexes in MODE: preserve keeps an index as it is if all of its platforms are
    /// selected; docker and oci always write a Docker manifest list or an OCI index, around single
    /// images too
    #[arg(long, value_name = "MODE", default_value = IndexMode::default().name(), value_parser = index_mode())]
    pub(crate) index: IndexMode,
    /// Set an option of a plugin; @FILE as VALUE reads the value from FILE; may be repeated
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    pub(crate) plugin_config: Vec<String>,
    /// Use only plugins of the lock file, and check first that each of them is on this machine as the lock
    /// file says
    #[arg(long)]
    pub(crate) locked: bool,
    /// Print the report to standard output as FORMAT
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: OutputFormat,
    /// Write the report to FILE too, as one HTML page
    #[arg(long, value_name = "FILE.html", value_hint = ValueHint::FilePath)]
    pub(crate) report: Option<PathBuf>,
}

impl ListFlags {
    /// Returns the flags of a command that has no list: nothing but `images` is given.
    pub(crate) fn without_list(images: ImageFlags) -> Self {
        Self {
            file: None,
            source: None,
            destination: None,
            shard: None,
            source_project: None,
            destination_project: None,
            default_project: NO_PROJECT.to_owned(),
            list_format: None,
            list_credentials: ListCredentials::Ignored,
            rewrite: Vec::new(),
            images,
            fleet: FleetFlags::default(),
            schedule: ScheduleFlags::default(),
            hangar: HangarFlags::default(),
        }
    }
}

/// Flags that limit a run.
#[derive(Clone, Debug, Args)]
pub(crate) struct LimitFlags {
    /// Stop waiting for a rate-limited registry after TIME, such as 90s, 15m or 2h; a number without a
    /// unit is seconds
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) max_wait: Duration,
    /// Fail an image or chart that is not done after TIME, such as 90s, 15m or 2h; 0 is no limit [default:
    /// no limit]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    timeout: Option<Duration>,
    /// Repeat a failed request up to N times; 0 is never. Waits for a rate-limited registry do not count
    #[arg(long, value_name = "N", default_value_t = DEFAULT_RETRIES, value_parser = retries, allow_negative_numbers = true)]
    pub(crate) retries: usize,
    /// Move at most RATE bytes of layers per second over the whole run, such as 50MB/s or 800kB/s, in each
    /// direction; at least 100kB/s [default: no limit]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) limit_rate: Option<NonZeroU64>,
}

impl LimitFlags {
    /// Returns the time of one image, if it is limited.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout.filter(|time| !time.is_zero())
    }
}

/// Flags that the settings file cannot set: its `listen` is the address of `serve`, and the credentials of one
/// list are not those of all lists.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 3] = ["every", "list-credentials", "listen"];

/// Flags that keep a run going.
#[derive(Debug, Default, Args)]
pub(crate) struct ScheduleFlags {
    /// Run again every TIME, such as 6h, until SIGTERM. Each run reads the list of -f again; SIGHUP starts one
    /// at once
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) every: Option<Duration>,
    /// Answer /healthz, /readyz and /metrics over HTTP at ADDRESS, such as 127.0.0.1:9090, with --every
    #[arg(long, value_name = "ADDRESS", value_parser = address, requires = "every")]
    pub(crate) listen: Option<SocketAddr>,
}
