//! Flags that several commands share.

use std::collections::BTreeMap;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::report::OutputFormat;
use crate::settings::Arguments;
use longshore_engine::IndexMode;
use longshore_plugin_host::{Kind, ListFacts, PluginHost};

/// The built-in plugins of a kind that can be named, for help.
fn known(kind: Kind, except: &[&str]) -> String {
    let names = PluginHost::built_in(kind).into_iter().filter(|name| !except.contains(name));
    format!("a built-in plugin ({})", names.collect::<Vec<_>>().join(", "))
}

/// Returns the default of a filter flag, for help: the built-in formats that have one.
fn default_of(fact: impl Fn(&ListFacts) -> Option<&str>) -> String {
    let mut formats: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for format in PluginHost::built_in_formats() {
        if let Some(default) = fact(&format.list) {
            formats.entry(default).or_default().push(format.name);
        }
    }
    let defaults = formats.iter().map(|(default, names)| {
        let formats = if names.len() == 1 { "format" } else { "formats" };
        format!("{default} for the {formats} {}, ", names.join(" and "))
    });
    format!(" [default: {}else all]", defaults.collect::<String>())
}

/// Flags of every command.
#[derive(Debug, Default, Args)]
pub(super) struct Global {
    /// Log what is done in detail
    #[arg(long, global = true, help_heading = "Global options", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(super) debug: Option<bool>,
    /// Check certificates [default: true]; with =false plain HTTP is allowed too
    #[arg(long, global = true, help_heading = "Global options", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    pub(super) tls_verify: Option<bool>,
    /// The settings file [default: longshore.toml in the user's configuration directory, or
    /// LONGSHORE_CONFIG]
    #[arg(long, global = true, help_heading = "Global options", value_name = "FILE")]
    pub(super) settings: Option<String>,
}

/// Flags of `mirror` and `mirror-validate`.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Image list; - is standard input, and so is none unless at a terminal, where it is the prompt
    #[arg(short, long, value_name = "FILE")]
    file: Option<String>,
    /// Override the source registry of the list
    #[arg(short, long, value_name = "REGISTRY")]
    source: Option<String>,
    /// Override the destination registry of the list [env: DOCKER_REGISTRY]
    #[arg(short, long, value_name = "REGISTRY")]
    destination: Option<String>,
    #[arg(short, long, value_name = "LIST", help = format!("Architectures, separated with ',', or all{}", default_of(|list| list.default_arch.as_deref())))]
    arch: Option<String>,
    #[arg(long, value_name = "LIST", help = format!("Operating systems, separated with ',', or all{}", default_of(|list| list.default_os.as_deref())))]
    os: Option<String>,
    /// Images at once [default: 8]
    #[arg(short, long, value_name = "N", value_parser = jobs, allow_negative_numbers = true)]
    jobs: Option<usize>,
    /// Give a registry up that limits requests for longer, such as 90s, 15m or 2h; without a unit they
    /// are seconds [default: 15m]
    #[arg(long, value_name = "TIME")]
    max_wait: Option<String>,
    /// Project of destinations that have none [default: library]
    #[arg(long, value_name = "PROJECT")]
    default_project: Option<String>,
    /// Fail an entry where nothing satisfies --arch and --os, instead of leaving it out with a
    /// warning
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL", hide_possible_values = true)]
    no_arch_os_fail: Option<bool>,
    /// How indexes are written: as they are, or always as a Docker manifest list or an OCI index,
    /// around single images too [default: preserve]
    #[arg(long, value_name = "MODE", value_parser = index_mode())]
    index: Option<IndexMode>,
    #[arg(long, value_name = "PLUGIN", help = format!("Format of the list: {} or the path of a component [default: the plugins are asked]", known(Kind::ListFormat, &[])))]
    list_format: Option<String>,
    #[arg(long, value_name = "PLUGIN", help = format!("Change destinations by {} or the path of a component; may be repeated", known(Kind::Rewrite, &[super::planning::REGISTRY_REWRITE])))]
    rewrite: Vec<String>,
    /// Configure a plugin; @FILE as value is that file's content; may be repeated
    #[arg(long, value_name = "NAME.KEY=VALUE")]
    plugin_config: Vec<String>,
    /// What is printed on standard output [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    output: Option<OutputFormat>,
}

fn index_mode() -> impl TypedValueParser<Value = IndexMode> {
    PossibleValuesParser::new(IndexMode::ALL.map(IndexMode::name))
        .try_map(|name| IndexMode::of_name(&name).ok_or("it is none of the modes"))
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.trim().parse::<u32>().map(usize::try_from) {
        Ok(Ok(number)) if number >= 1 => Ok(number),
        _ => Err(format!("it must be a number of at least 1, and at most {}", u32::MAX)),
    }
}

impl Plan {
    pub(super) fn arguments(self, global: Global) -> Arguments {
        Arguments {
            file: self.file,
            source: self.source,
            destination: self.destination,
            arch: self.arch,
            os: self.os,
            jobs: self.jobs,
            max_wait: self.max_wait,
            default_project: self.default_project,
            no_arch_os_fail: self.no_arch_os_fail,
            index: self.index,
            list_format: self.list_format,
            rewrite: self.rewrite,
            plugin_config: self.plugin_config,
            output: self.output,
            debug: global.debug,
            tls_verify: global.tls_verify,
            settings: global.settings,
            ..Arguments::default()
        }
    }
}
