//! The values that completions offer for a flag: names of plugins, and files of the right ending. Any other
//! value is accepted too.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command, ValueHint};
use longshore_oci::{ARCHITECTURES, SYSTEMS};
use longshore_plugin_host::{Kind, PluginHost};

use crate::flags::list::REGISTRY_REWRITE;
use crate::prepare::AUTO;

/// The endings of image lists.
const LISTS: &[&str] = &["txt", "yaml", "yml", "json"];
/// The flags that name a file, and the endings of such files.
const FILES: [(&str, &[&str]); 7] = [
    ("file", LISTS),
    ("input", LISTS),
    ("config", &["yaml", "yml"]),
    ("settings", &["toml"]),
    ("report", &["html"]),
    ("tls-cert", &["pem", "crt"]),
    ("tls-key", &["pem", "key"]),
];

/// Returns the endings of the files that a flag may name, if it is one for such files.
pub(crate) fn endings(long: &str) -> Option<&'static [&'static str]> {
    FILES.iter().find(|(flag, _)| *flag == long).map(|(_, endings)| *endings)
}

/// Adds to a flag what completions offer for it.
pub(in crate::flags) fn with_offer(flag: Arg) -> Arg {
    let Some(long) = flag.get_long() else { return flag };
    if endings(long).is_some() {
        return flag.value_hint(ValueHint::FilePath);
    }
    let names = match long {
        "list-format" => PluginHost::built_in(Kind::ListFormat),
        "to" => PluginHost::built_in_formats()
            .filter(|format| format.renders)
            .map(|format| format.name)
            .collect(),
        "rewrite" => {
            let names = PluginHost::built_in(Kind::Rewrite).into_iter();
            names.filter(|name| *name != REGISTRY_REWRITE).collect()
        }
        "repo-type" => {
            let mut names = PluginHost::built_in(Kind::RepoType);
            names.insert(0, AUTO);
            names
        }
        "arch" => std::iter::once("all").chain(ARCHITECTURES).collect(),
        "os" => std::iter::once("all").chain(SYSTEMS).collect(),
        "renderer" => vec!["auto", "builtin", "helm"],
        // An image layout is named behind `oci:`, where shells do not look.
        "source" | "destination" => return flag.value_hint(ValueHint::Other),
        _ => return if may_name_file(&flag) { flag } else { flag.value_hint(ValueHint::Other) },
    };
    flag.value_parser(Offered(names)).hide_possible_values(true)
}

/// Says whether a file or a folder may be the value of a flag. Shells offer files for any other value too, unless
/// the flag says that it is something else.
fn may_name_file(flag: &Arg) -> bool {
    let names = flag.get_value_names().unwrap_or_default();
    !flag.get_action().takes_values()
        || flag.get_value_hint() != ValueHint::Unknown
        || names.iter().any(|name| name.contains("FILE") || name.contains("DIR"))
}

/// Adds the names of plugins to the argument of `plugin info`.
pub(in crate::flags) fn with_plugins(command: Command) -> Command {
    let kinds = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
    let names: Vec<&str> = kinds.into_iter().flat_map(PluginHost::built_in).collect();
    command.mut_arg("plugin", |argument| {
        argument.value_parser(Offered(names)).hide_possible_values(true)
    })
}

/// Takes any text, and offers some.
#[derive(Clone, Debug)]
struct Offered(Vec<&'static str>);

impl TypedValueParser for Offered {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        flag: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, flag, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}
