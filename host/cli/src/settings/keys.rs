//! The keys that a settings file may have. An unknown one is refused with its line and the key that it
//! probably means, so that no setting is ignored for a typing error.

use std::ffi::OsString;
use std::path::Path;

use longshore_oci::{mistyped, nearest};
use longshore_plugin_host::{Kind, PluginHost};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::endpoint::{ORIGIN, credential_keys};
use crate::flags;

/// The table of plugins.
pub(super) const PLUGINS: &str = "plugins";
/// The table of logins for chart repositories.
pub(super) const REPOSITORIES: &str = "repositories";
/// The keys of a login.
const LOGIN: [&str; 4] = ["username", "username-env", "password", "password-env"];
/// Keys of `[plugins.NAME]` that installed plugins do not get either.
pub(super) const RESERVED: [&str; 1] = ["grants"];
/// The key of `[plugins.NAME]` with the settings of endpoints, which the plugin does not get.
pub(super) const ENDPOINTS: &str = "endpoints";

/// A key that no settings file has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnknownKey {
    /// The line, from 1.
    pub(super) line: usize,
    /// The key, with its tables.
    pub(super) key: String,
    /// What was probably meant.
    pub(super) meant: Option<String>,
}

/// Returns the names of the components that words of the command line name by their paths. Each may
/// have a table `[plugins.NAME]`.
pub(super) fn components_in(words: &[OsString]) -> Vec<String> {
    words.iter().filter_map(|word| component(word.to_str()?.rsplit('=').next()?)).collect()
}

/// The name of a component, from its path.
fn component(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".wasm")?;
    Path::new(stem).file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Returns the first unknown key of a settings file, which is valid TOML. `components` are the names of
/// components that the command line names.
pub(super) fn first_unknown(text: &str, mut components: Vec<String>) -> Option<UnknownKey> {
    let document = DeTable::parse(text).ok()?;
    for value in document.get_ref().values() {
        collect_components(value.get_ref(), &mut components);
    }
    let mut check = Check { text, components, unknown: Vec::new() };
    check.document(document.get_ref());
    check.unknown.into_iter().min_by_key(|unknown| unknown.line)
}

fn collect_components(value: &DeValue<'_>, components: &mut Vec<String>) {
    match value {
        DeValue::String(text) => components.extend(component(text)),
        DeValue::Array(items) => {
            items.iter().for_each(|item| collect_components(item.get_ref(), components));
        }
        DeValue::Table(table) => {
            table.values().for_each(|value| collect_components(value.get_ref(), components));
        }
        _ => {}
    }
}

/// A key with its place in the text.
type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

/// Returns the table, if the value is one.
fn inner<'a, 'i>(value: &'a DeValue<'i>) -> Option<&'a DeTable<'i>> {
    match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// Returns the advice for a flag that no settings file sets.
fn only_on_command_line(key: &str) -> String {
    format!("--{key} cannot be a key of the settings file; give it on the command line")
}

struct Check<'a> {
    text: &'a str,
    components: Vec<String>,
    unknown: Vec<UnknownKey>,
}

impl Check<'_> {
    fn document(&mut self, table: &DeTable<'_>) {
        let commands = flags::settings_keys();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Table(inner) if commands.contains_key(name) => {
                    let known: Vec<&str> = commands[name].iter().map(String::as_str).collect();
                    for inner in
                        inner.keys().filter(|inner| !known.contains(&inner.get_ref().as_ref()))
                    {
                        let written = inner.get_ref();
                        let of_other = commands
                            .iter()
                            .find(|(_, keys)| keys.contains(written.as_ref()))
                            .map(|(command, _)| format!("[{command}] has it"));
                        let of_no_file = flags::only_on_command_line(name, written)
                            .then(|| only_on_command_line(written));
                        self.refuse(name, inner, &known, of_other.or(of_no_file));
                    }
                }
                DeValue::Table(plugins) if name == PLUGINS => self.plugins(plugins),
                DeValue::Table(logins) if name == REPOSITORIES => self.logins(logins),
                _ if commands.values().any(|keys| keys.contains(name)) => {}
                DeValue::Table(_) => {
                    let tables = commands.keys().map(String::as_str);
                    let known: Vec<&str> = tables.chain([PLUGINS, REPOSITORIES]).collect();
                    self.refuse("", key, &known, None);
                }
                _ => {
                    let known = commands.values().flatten().map(String::as_str);
                    let of_no_file =
                        commands.keys().any(|command| flags::only_on_command_line(command, name));
                    let instead = of_no_file.then(|| only_on_command_line(name));
                    self.refuse("", key, &known.collect::<Vec<_>>(), instead);
                }
            }
        }
    }

    fn plugins(&mut self, plugins: &DeTable<'_>) {
        let kinds = [Kind::ListFormat, Kind::Rewrite, Kind::RepoType, Kind::ChartRender];
        let built_in: Vec<&str> = kinds.into_iter().flat_map(PluginHost::built_in).collect();
        for (key, value) in plugins {
            let name = key.get_ref().as_ref();
            self.endpoints(name, value.get_ref());
            if !built_in.contains(&name) {
                // A component has the name in its metadata, so only a mistyped one is an error.
                let is_component = self.components.iter().any(|component| component == name);
                if !is_component && mistyped(name, built_in.iter().copied()).is_some() {
                    self.refuse(PLUGINS, key, &built_in, None);
                }
                continue;
            }
            let (DeValue::Table(table), Some(known)) =
                (value.get_ref(), PluginHost::built_in_keys(name))
            else {
                continue;
            };
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for key in table.keys() {
                let written = key.get_ref().as_ref();
                let is_ours = written == ENDPOINTS || RESERVED.contains(&written);
                if !known.contains(&written) && !is_ours {
                    self.refuse(&format!("{PLUGINS}.{name}"), key, &known, None);
                }
            }
        }
    }

    /// Checks `[plugins.NAME.endpoints]`.
    fn endpoints(&mut self, plugin: &str, table: &DeValue<'_>) {
        let endpoints = inner(table).and_then(|table| inner(table.get(ENDPOINTS)?.get_ref()));
        let credential: Vec<String> = credential_keys().collect();
        let credential: Vec<&str> = credential.iter().map(String::as_str).collect();
        for (endpoint, value) in endpoints.into_iter().flatten() {
            let place = format!("{PLUGINS}.{plugin}.{ENDPOINTS}.{}", endpoint.get_ref());
            for (key, value) in inner(value.get_ref()).into_iter().flatten() {
                match inner(value.get_ref()) {
                    Some(of_registry) => {
                        let place = format!("{place}.{:?}", key.get_ref());
                        for key in of_registry.keys() {
                            self.refuse_unless(&place, key, &credential);
                        }
                    }
                    None => {
                        let known: Vec<&str> = credential.iter().copied().chain([ORIGIN]).collect();
                        self.refuse_unless(&place, key, &known);
                    }
                }
            }
        }
    }

    fn refuse_unless(&mut self, place: &str, key: &Key<'_>, known: &[&str]) {
        if !known.contains(&key.get_ref().as_ref()) {
            self.refuse(place, key, known, None);
        }
    }

    fn logins(&mut self, logins: &DeTable<'_>) {
        for (url, login) in logins {
            let DeValue::Table(login) = login.get_ref() else { continue };
            for key in login.keys().filter(|key| !LOGIN.contains(&key.get_ref().as_ref())) {
                self.refuse(&format!("{REPOSITORIES}.{:?}", url.get_ref()), key, &LOGIN, None);
            }
        }
    }

    /// Refuses a key of `table`, whose keys are `known`. `instead` is better advice than a similar key.
    fn refuse(&mut self, table: &str, key: &Key<'_>, known: &[&str], instead: Option<String>) {
        let in_table =
            |key: &str| if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
        let similar = || nearest(key.get_ref(), known.iter().copied());
        let meant =
            instead.or_else(|| Some(format!("the nearest key is {}", in_table(similar()?))));
        let line = 1 + self.text[..key.span().start].matches('\n').count();
        self.unknown.push(UnknownKey { line, key: in_table(key.get_ref()), meant });
    }
}

#[cfg(test)]
mod tests {
    use super::{components_in, first_unknown};

    fn unknown(text: &str) -> Option<(usize, String, String)> {
        let found = first_unknown(text, Vec::new())?;
        Some((found.line, found.key, found.meant.unwrap_or_default()))
    }

    #[test]
    fn an_unknown_key_of_any_level_has_its_line_and_what_was_meant() {
        for (text, line, key, meant) in [
            ("\njob = 1\n", 2, "job", "the nearest key is jobs"),
            ("destinaton = 'x'\n", 1, "destinaton", "the nearest key is destination"),
            ("[miror]\njobs = 1\n", 1, "miror", "the nearest key is mirror"),
            (
                "[mirror]\njobs = 1\nrewrit = 'x'\n",
                3,
                "mirror.rewrit",
                "the nearest key is mirror.rewrite",
            ),
            ("[mirror]\nlisten = 'x'\n", 2, "mirror.listen", "[serve] has it"),
            ("mirror.jbos = 1\n", 1, "mirror.jbos", "the nearest key is mirror.jobs"),
            (
                "[plugins.prefx]\nprefix = 'a'\n",
                1,
                "plugins.prefx",
                "the nearest key is plugins.prefix",
            ),
            (
                "[plugins.Harbor]\nhttps = true\n",
                1,
                "plugins.Harbor",
                "the nearest key is plugins.harbor",
            ),
            (
                "[plugins.prefix]\n\nprefx = 'a'\n",
                3,
                "plugins.prefix.prefx",
                "the nearest key is plugins.prefix.prefix",
            ),
            (
                "[plugins]\nmap = {tabel = ''}\n",
                2,
                "plugins.map.tabel",
                "the nearest key is plugins.map.table",
            ),
            (
                "[repositories.'https://a']\nusernam = 'x'\n",
                2,
                "repositories.\"https://a\".usernam",
                "the nearest key is repositories.\"https://a\".username",
            ),
            (
                "[plugins.mine.endpoints.api]\norigin = 'x'\npasword = 'x'\n",
                3,
                "plugins.mine.endpoints.api.pasword",
                "the nearest key is plugins.mine.endpoints.api.password",
            ),
            (
                "[plugins.ecr.endpoints.api.'r.test']\norgin = 'x'\n",
                2,
                "plugins.ecr.endpoints.api.\"r.test\".orgin",
                "the nearest key is plugins.ecr.endpoints.api.\"r.test\".region",
            ),
            (
                "[mirror]\nevery = '6h'\n",
                2,
                "mirror.every",
                "--every cannot be a key of the settings file; give it on the command line",
            ),
            (
                "[copy]\nplatform = 'linux/arm64'\n",
                2,
                "copy.platform",
                "--platform cannot be a key of the settings file; give it on the command line",
            ),
            (
                "tags = ['1']\n",
                1,
                "tags",
                "--tags cannot be a key of the settings file; give it on the command line",
            ),
            ("qqqq = 1\n", 1, "qqqq", ""),
            ("jobs = 1\nzzzz = 1\n[mirror]\nqqqq = 1\n", 2, "zzzz", ""),
        ] {
            assert_eq!(unknown(text), Some((line, key.to_owned(), meant.to_owned())), "{text}");
        }
    }

    #[test]
    fn known_keys_and_components_are_accepted() {
        for text in [
            "jobs = 1\n[mirror]\nrewrite = ['x']\n[serve]\nlisten = 'x'\n",
            "[plugins.prefix]\nprefix = 'a'\n[plugins.harbor]\npublic = true\n",
            "rewrite = ['prefix', './plugins/prefixes.wasm']\n[plugins.prefixes]\na = 1\n",
            "[plugins.mine-alone]\nanything = 1\n",
            "[plugins.harbor]\ngrants = ['x']\n",
            "[plugins.harbor.endpoints.api]\nusername = 'x'\npassword-env = 'X'\norigin = 'y'\n",
            "[plugins.mine.endpoints.api.'r.test']\ntoken-env = 'X'\nregion = 'y'\n",
            "[repositories.'https://a']\nusername = 'x'\npassword-env = 'X'\n",
        ] {
            assert_eq!(unknown(text), None, "{text}");
        }
        let words = ["--rewrite=./prefx.wasm", "-f", "x"].map(Into::into);
        assert_eq!(components_in(&words), ["prefx"]);
        assert_eq!(first_unknown("[plugins.prefx]\na = 1\n", components_in(&words)), None);
    }
}
