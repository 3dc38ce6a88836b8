//! The command line: each command's flags, their defaults and their help.
//!
//! A field of these structures is all that a flag needs: the settings file, the environment, the repeated
//! command, the manual pages and the completions are derived from it.

mod account;
mod alone;
mod chart_list;
mod convert;
mod copy;
mod fleet;
mod global;
mod hangar;
mod help;
mod inspect;
mod list;
mod login;
mod mirror;
mod mirror_charts;
mod plugin;
mod repo_type;
mod serve;
mod spelling;
mod validate;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

pub(crate) use account::Account;
pub(crate) use chart_list::ChartListFlags;
pub(crate) use convert::Convert;
pub(crate) use copy::{Copy, OF_ONE_COPY};
pub(crate) use fleet::{FleetFlags, Worker};
pub(crate) use global::{Global, OF_CONNECTIONS, without_effect};
pub(crate) use hangar::{HangarFlags, Replaced};
pub(crate) use help::{Closing, endings};
pub(crate) use help::{Completions, Man};
pub(crate) use inspect::{Inspect, Tags};
pub(crate) use list::{
    ImageFlags, LimitFlags, ListFlags, NO_PROJECT, NOT_REPEATED, REGISTRY_REWRITE,
};
pub(crate) use login::{Login, Logout, WhoAmI};
pub(crate) use mirror::{Alias, CopyFlags, Mirror};
pub(crate) use mirror_charts::MirrorCharts;
pub(crate) use plugin::{
    ConsentFlags, Plugin, PluginAdd, PluginBench, PluginCommand, PluginInfo, PluginKind,
    PluginLanguage, PluginList, PluginNew, PluginPack, PluginPush, PluginRemove, PluginTest,
    PluginUpdate,
};
pub(crate) use repo_type::RepoTypeFlags;
pub(crate) use serve::Serve;
pub(crate) use spelling::{normalised, with_tip};
pub(crate) use validate::{CompareFlags, Validate};
pub(crate) use values::ListCredentials;

/// Mirrors container images, Helm charts and other OCI artifacts between registries.
#[derive(Debug, Parser)]
#[command(
    name = "longshore",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  longshore mirror -f images.txt -d registry.example.com --dry-run
  longshore mirror-validate -f images.txt -d registry.example.com"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Mirror(Box<Mirror>),
    MirrorValidate(Box<Validate>),
    Copy(Box<Copy>),
    MirrorCharts(Box<MirrorCharts>),
    ConvertList(Convert),
    Tags(Tags),
    Inspect(Inspect),
    Login(Login),
    Logout(Logout),
    #[command(name = "whoami")]
    WhoAmI(WhoAmI),
    Plugin(Plugin),
    Serve(Serve),
    Worker(Worker),
    Completions(Completions),
    Man(Man),
}

/// Returns the definition of the command line.
pub(crate) fn command() -> clap::Command {
    defined(Cli::command(), &|_| true)
}

/// Returns the text of `longshore --version`, if `arguments` ask for nothing else. No other command needs so
/// little, so the program answers without its definition.
pub(crate) fn version_if_asked(arguments: &[OsString]) -> Option<String> {
    let [_, only] = arguments else { return None };
    let is_asked = only == "--version" || only == "-V";
    let named = || clap::Command::new("longshore").version(env!("CARGO_PKG_VERSION"));
    is_asked.then(|| named().render_version())
}

/// Returns the definition of the command line that `arguments` need. Commands that they do not name are left
/// out, or not completed, so the program starts sooner: it has many commands with many flags.
pub(crate) fn command_for(arguments: &[OsString]) -> clap::Command {
    let cli = alone::alone(arguments).unwrap_or_else(Cli::command);
    defined(cli, &|name| arguments.iter().any(|argument| argument == name))
}

fn defined(cli: clap::Command, is_needed: &dyn Fn(&str) -> bool) -> clap::Command {
    let cli = global::hide_without_effect(completed(cli, is_needed));
    if cli.find_subcommand("plugin").is_none() {
        return cli;
    }
    cli.mut_subcommand("plugin", |plugin| plugin.mut_subcommand("info", help::with_plugins))
}

/// Completes what the derived definition of each flag leaves out: a switch takes `=true` and `=false`,
/// an empty variable is unset, completions offer values, and the help ends with the examples. Of the
/// commands below `command`, those are completed whose name is needed.
fn completed(command: clap::Command, is_needed: &dyn Fn(&str) -> bool) -> clap::Command {
    let command = match Closing::of(&command).text() {
        Some(text) => command.after_help(text),
        None => command,
    };
    let command = command.mut_args(|flag| {
        let flag = help::with_offer(flag);
        let flag =
            if matches!(flag.get_action(), ArgAction::SetTrue) { switch(flag) } else { flag };
        let is_empty = |name| std::env::var_os(name).is_some_and(|value| value.is_empty());
        if flag.get_env().is_some_and(is_empty) { flag.env(None::<&str>) } else { flag }
    });
    command.mut_subcommands(|inner| match is_needed(inner.get_name()) {
        true => completed(inner, is_needed),
        false => inner,
    })
}

fn switch(flag: clap::Arg) -> clap::Arg {
    let (id, is_off) = (flag.get_id().clone(), flag.get_default_values().is_empty());
    let flag = flag
        // A printed command has the switches of its run. Who adds one again means the same.
        .overrides_with(id)
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_name("BOOL")
        .hide_possible_values(true);
    if is_off { flag.default_value("false").hide_default_value(true) } else { flag }
}

/// Returns the flags that no command's help shows, with their dashes.
pub(crate) fn hidden() -> Vec<String> {
    fn collect(command: &clap::Command, hidden: &mut Vec<String>, shown: &mut Vec<String>) {
        for flag in command.get_arguments() {
            let flags = if flag.is_hide_set() { &mut *hidden } else { &mut *shown };
            flags.extend(flag.get_long().map(|long| format!("--{long}")));
        }
        command.get_subcommands().for_each(|inner| collect(inner, hidden, shown));
    }
    let (mut hidden, mut shown) = (Vec::new(), Vec::new());
    collect(&command(), &mut hidden, &mut shown);
    hidden.retain(|flag| !shown.contains(flag));
    hidden
}

/// Returns the long flags of each command that may stand in the settings file.
pub(crate) fn settings_keys() -> BTreeMap<String, BTreeSet<String>> {
    let cli = command();
    let keys_of = |command: &clap::Command| {
        let flags = command.get_arguments().chain(cli.get_arguments());
        let keys = flags.filter(|flag| is_setting(command.get_name(), flag));
        keys.filter_map(|flag| flag.get_long().map(str::to_owned)).collect()
    };
    let commands = cli.get_subcommands();
    commands.map(|command| (command.get_name().to_owned(), keys_of(command))).collect()
}

/// Says whether the settings file may set a flag of `command`.
pub(crate) fn is_setting(command: &str, flag: &clap::Arg) -> bool {
    !flag.is_hide_set() && flag.get_long().is_some_and(|long| !only_on_command_line(command, long))
}

/// Says whether the flag `long` of `command` cannot be set in the settings file.
pub(crate) fn only_on_command_line(command: &str, long: &str) -> bool {
    let of_command: &[&str] = match command {
        "copy" => &copy::ONLY_ON_COMMAND_LINE,
        "mirror" | "mirror-validate" => &list::ONLY_ON_COMMAND_LINE,
        "convert-list" => &convert::ONLY_ON_COMMAND_LINE,
        "login" => &login::ONLY_ON_COMMAND_LINE,
        "mirror-charts" => &mirror_charts::ONLY_ON_COMMAND_LINE,
        "plugin-add" | "plugin-update" | "plugin-pack" => &plugin::ONLY_ON_COMMAND_LINE,
        _ => &[],
    };
    of_command.contains(&long) || global::ONLY_ON_COMMAND_LINE.contains(&long)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::{Cli, Closing, Command, command};

    fn mirror(line: &str) -> super::CopyFlags {
        let matches = command().try_get_matches_from(line.split(' ')).unwrap();
        match Cli::from_arg_matches(&matches).unwrap().command {
            Command::Mirror(mirror) => mirror.copy,
            other => panic!("{other:?}"),
        }
    }

    /// Runs `check` with the words and the definition of each command.
    fn each(command: &clap::Command, path: &str, check: &mut dyn FnMut(&str, &clap::Command)) {
        check(path, command);
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            let name = inner.get_name();
            each(inner, &format!("{path} {name}"), check);
        }
    }

    #[test]
    fn each_help_ends_with_examples_that_parse() {
        let cli = command();
        let mut commands = 0;
        each(&cli, "longshore", &mut |path, command| {
            commands += 1;
            let Closing { examples, .. } = Closing::of(command);
            assert!(examples.len() >= 2, "{path} has {} examples", examples.len());
            let help = command.clone().render_long_help().to_string();
            let last = examples.last().expect("there are examples");
            assert!(help.trim_end().ends_with(last.as_str()), "{path}: {help}");
            for example in &examples {
                let part = example.split(['|', '>']).map(str::trim);
                let mut part = part.filter(|part| part.starts_with("longshore"));
                let part = part.next().unwrap_or_else(|| panic!("{example} runs no longshore"));
                let words = shlex::split(part).expect("a shell reads it");
                let parsed = cli.clone().try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
                assert!(
                    path == "longshore" || format!("{example} ").contains(&format!("{path} ")),
                    "{example}"
                );
            }
        });
        assert!(commands > 12, "{commands} commands were looked at");
    }

    #[test]
    fn the_definitions_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_version_is_that_of_the_definition() {
        let asked = |words: &[&str]| {
            super::version_if_asked(&words.iter().map(Into::into).collect::<Vec<_>>())
        };
        for flag in ["--version", "-V"] {
            assert_eq!(asked(&["l", flag]), Some(command().render_version()), "{flag}");
        }
        for words in [&["l"][..], &["l", "--version", "-q"], &["l", "mirror"], &["--version"]] {
            assert_eq!(asked(words), None, "{words:?}");
        }
    }

    #[test]
    fn switches_take_a_value_behind_an_equals_sign() {
        let defaults = mirror("l mirror");
        assert!(!defaults.dry_run && defaults.registry.harbor_https);
        let given = mirror("l mirror --dry-run --harbor-https=false");
        assert!(given.dry_run && !given.registry.harbor_https);
        assert!(command().try_get_matches_from(["l", "mirror", "--dry-run=x"]).is_err());
    }
}
