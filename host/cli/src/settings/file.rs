//! The settings file: `longshore.toml`.
//!
//! Top-level keys are the long flags and hold for every command that has the flag; a table named
//! after a command overrides them; `[plugins.NAME]` configures a plugin.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Arg, ArgAction};
use longshore_chart::source::RepoLogin;
use longshore_registry::Secret;
use std::any::TypeId;
use toml::{Table, Value};
use url::Url;

use super::SettingsError;
use super::keys::{PLUGINS, REPOSITORIES, UnknownKey, components_in, first_unknown};
use crate::plugins::{LOCK_FILE, LockFile};
use longshore_engine::plan::{around, masked};
use longshore_files::{ReadError, read_any};

/// The largest settings file that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// The keys of `[mirror]` that `mirror-validate` takes from there unless its own table has them: they
/// decide what `mirror` writes, and under which names.
const OF_MIRROR: [&str; 13] = [
    "arch",
    "arch-any",
    "default-project",
    "destination",
    "destination-project",
    "index",
    "list-format",
    "no-arch-os-fail",
    "os",
    "plugin-config",
    "rewrite",
    "source",
    "source-project",
];

/// Returns what was read as text.
pub(super) fn text_of(read: Result<Vec<u8>, ReadError>) -> Result<String, ReadError> {
    String::from_utf8(read?).map_err(|_| ReadError::NotText)
}

/// The type of a flag's value in the file.
#[derive(Clone, Copy)]
enum Kind {
    Switch,
    /// A number, or text that its parser takes as one.
    Number,
    Text,
    /// Several texts, for a flag that may be repeated.
    Texts,
}

impl Kind {
    fn of(flag: &Arg) -> Self {
        let value = flag.get_value_parser().type_id();
        if value == TypeId::of::<bool>() {
            Self::Switch
        } else if value == TypeId::of::<usize>() || value == TypeId::of::<Duration>() {
            Self::Number
        } else if matches!(flag.get_action(), ArgAction::Append) {
            Self::Texts
        } else {
            Self::Text
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Number => "a number or a text",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
        }
    }
}

/// A settings file whose keys are all known; empty if there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    table: Table,
}

impl SettingsFile {
    /// Reads the settings file that the user named, or else the one in the user's configuration directory
    /// if it exists. `words` is the command line, which may name components.
    ///
    /// # Errors
    /// Returns an error if the file is unreadable, is not TOML or has unknown keys.
    pub(crate) fn find(named: Option<&Path>, words: &[OsString]) -> Result<Self, SettingsError> {
        let path = match named {
            Some(path) => path.to_owned(),
            None => match directories::BaseDirs::new() {
                Some(folders) if folders.config_dir().join("longshore.toml").exists() => {
                    folders.config_dir().join("longshore.toml")
                }
                _ => return Ok(Self::default()),
            },
        };
        let unreadable = |error| SettingsError::Read { path: path.clone(), error };
        let text = text_of(read_any(&path, LIMIT)).map_err(unreadable)?;
        let mut components = components_in(words);
        // The error of a lock file that cannot be read is for the commands that use it.
        let lock = LockFile::read(path.with_file_name(LOCK_FILE));
        components.extend(lock.into_iter().flat_map(|lock| lock.plugins).map(|plugin| plugin.name));
        Self::parse(&path, &text, components)
    }

    pub(super) fn parse(
        path: &Path,
        text: &str,
        components: Vec<String>,
    ) -> Result<Self, SettingsError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Toml {
            path: path.to_owned(),
            message: told(&error, text),
        })?;
        if let Some(UnknownKey { line, key, meant }) = first_unknown(text, components) {
            return Err(SettingsError::UnknownKey { path: path.to_owned(), line, key, meant });
        }
        let file = Self { path: path.to_owned(), table };
        file.check_tables(PLUGINS, "a table, such as [plugins.prefix]")?;
        let example = "a table, such as [repositories.\"https://charts.example.com\"]";
        file.check_tables(REPOSITORIES, example)?;
        Ok(file)
    }

    /// Checks that each value in the table `key` is a table.
    fn check_tables(&self, key: &str, expected: &'static str) -> Result<(), SettingsError> {
        let table = self.table.get(key).and_then(Value::as_table);
        match table.and_then(|table| table.iter().find(|(_, value)| !value.is_table())) {
            Some((name, _)) => {
                let key = format!("{key}.{name}");
                Err(SettingsError::Type { path: self.path.clone(), key, expected })
            }
            None => Ok(()),
        }
    }

    /// Returns the logins of `[repositories."URL"]`. Passwords may come from the environment.
    ///
    /// # Errors
    /// Returns an error that names the repository.
    pub(crate) fn repositories(&self) -> Result<Vec<RepoLogin>, SettingsError> {
        let Some(logins) = self.table.get(REPOSITORIES).and_then(Value::as_table) else {
            return Ok(Vec::new());
        };
        logins.iter().map(|(url, login)| self.login(url, login)).collect()
    }

    fn login(&self, address: &str, login: &Value) -> Result<RepoLogin, SettingsError> {
        let refused = |why: String| SettingsError::Repository {
            path: self.path.clone(),
            url: address.to_owned(),
            why,
        };
        let url = Url::parse(address).map_err(|error| refused(error.to_string()))?;
        let text = |key: &str| -> Result<Option<String>, SettingsError> {
            if let Some(value) = login.get(key) {
                let text =
                    value.as_str().ok_or_else(|| refused(format!("{key} must be a text")))?;
                return Ok(Some(text.to_owned()));
            }
            let Some(name) = login.get(format!("{key}-env")).and_then(Value::as_str) else {
                return Ok(None);
            };
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.map(Some).ok_or_else(|| refused(format!("the variable {name} is not set")))
        };
        let username = text("username")?.unwrap_or_default();
        let password = text("password")?;
        let password = password.ok_or_else(|| refused("there is no password".to_owned()))?;
        Ok(RepoLogin { url, username, password: Secret::new(password) })
    }

    /// Returns the path of the file, or `None` without a file.
    pub(crate) fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&*self.path)
    }

    /// Returns the path of the file in use, or of the one that a new file would have; `None` without a home
    /// directory.
    pub(crate) fn place(&self) -> Option<PathBuf> {
        let users = || Some(directories::BaseDirs::new()?.config_dir().join("longshore.toml"));
        self.path().map(Path::to_owned).or_else(users)
    }

    /// Returns the destination of `mirror`, if the file has one.
    pub(crate) fn destination(&self) -> Option<&str> {
        let mirror = self.table.get("mirror").and_then(Value::as_table);
        let found = mirror.and_then(|table| table.get("destination"));
        found.or_else(|| self.table.get("destination"))?.as_str()
    }

    /// Returns the values of a flag as the command line would give them; none if the file does not set it.
    ///
    /// A text that is empty is unset, and a list of texts for a flag with one value is joined with commas.
    ///
    /// # Errors
    /// Returns an error if the value has a type that the flag does not take.
    pub(crate) fn values(&self, command: &str, flag: &Arg) -> Result<Vec<String>, SettingsError> {
        let Some(key) = flag.get_long() else { return Ok(Vec::new()) };
        let of = |command: &str| self.table.get(command).and_then(Value::as_table)?.get(key);
        let of_mirror =
            || (command == "mirror-validate" && OF_MIRROR.contains(&key)).then(|| of("mirror"));
        let value = of(command).or_else(|| of_mirror()?).or_else(|| self.table.get(key));
        let Some(value) = value else { return Ok(Vec::new()) };
        let kind = Kind::of(flag);
        let texts = match (value, kind) {
            (Value::Boolean(on), Kind::Switch) => Some(vec![on.to_string()]),
            (Value::Integer(number), Kind::Number) => Some(vec![number.to_string()]),
            (Value::String(text), Kind::Number | Kind::Text | Kind::Texts) => {
                Some(vec![text.clone()])
            }
            (Value::Array(items), Kind::Text | Kind::Texts) => {
                items.iter().map(|item| item.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        let texts: Option<Vec<String>> = match (texts, kind) {
            (Some(texts), Kind::Text) if texts.len() > 1 => Some(vec![texts.join(",")]),
            (texts, _) => texts,
        };
        let mut texts = texts.ok_or_else(|| SettingsError::Type {
            path: self.path.clone(),
            key: key.to_owned(),
            expected: kind.expected(),
        })?;
        texts.retain(|text| !text.is_empty());
        Ok(texts)
    }

    /// Returns the names of the configured plugins.
    pub(crate) fn plugins(&self) -> impl Iterator<Item = &str> {
        let plugins = self.table.get(PLUGINS).and_then(Value::as_table);
        plugins.into_iter().flat_map(Table::keys).map(String::as_str)
    }

    /// Returns the plugins with a table, and their tables.
    pub(crate) fn plugin_tables(&self) -> impl Iterator<Item = (&String, &Table)> {
        let plugins = self.table.get(PLUGINS).and_then(Value::as_table);
        let all = plugins.into_iter().flatten();
        all.filter_map(|(name, value)| Some((name, value.as_table()?)))
    }

    /// Returns the table of the plugin `name`.
    pub(crate) fn plugin(&self, name: &str) -> Option<&Table> {
        self.table.get(PLUGINS)?.as_table()?.get(name)?.as_table()
    }
}

/// Says what is wrong and where, with the line of the file, in which secrets are hidden.
fn told(error: &toml::de::Error, text: &str) -> String {
    let hidden = masked(text);
    if hidden == text {
        return error.to_string().trim().to_owned();
    }
    let at = text.floor_char_boundary(error.span().map_or(0, |span| span.start));
    let (line, column) = match text[..at].rfind('\n') {
        Some(end) => (text[..at].matches('\n').count(), text[end + 1..at].chars().count()),
        None => (0, text[..at].chars().count()),
    };
    let (shown, column) = (hidden.lines().nth(line).unwrap_or_default(), column + 1);
    let shown = around(shown, u32::try_from(column).unwrap_or(u32::MAX));
    let line = line + 1;
    format!(
        "TOML parse error at line {line}, column {column}: {}\n{line} | {shown}",
        error.message()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::SettingsFile;
    use crate::flags;
    use crate::settings::SettingsError;

    fn parse(text: &str) -> Result<SettingsFile, SettingsError> {
        SettingsFile::parse(Path::new("longshore.toml"), text, Vec::new())
    }

    fn values(file: &SettingsFile, command: &str, key: &str) -> Result<Vec<String>, SettingsError> {
        let cli = flags::command();
        let command_flags = cli.find_subcommand(command).unwrap().get_arguments();
        let mut flags = command_flags.chain(cli.get_arguments());
        file.values(command, flags.find(|flag| flag.get_long() == Some(key)).unwrap())
    }

    #[test]
    fn a_broken_file_is_shown_without_its_secrets() {
        for (text, line) in [
            ("destination = \"a.io\"\n[plugins.harbor]\npassword = \"s3cr3t\" x\n", "line 3"),
            ("fleet = \"nats://u:s3cr3t@h:4222\" x\n", "line 1"),
            ("token = s3cr3t\n", "line 1"),
            ("[repositories.\"https://u:s3cr3t@a.io\"\n", "line 1"),
        ] {
            let read = SettingsFile::parse(Path::new("longshore.toml"), text, Vec::new());
            let error = read.unwrap_err().to_string();
            assert!(!error.contains("s3cr3t") && error.contains(line), "{error}");
        }
        let plain = SettingsFile::parse(Path::new("longshore.toml"), "jobs = 4 x\n", Vec::new());
        assert!(
            plain.unwrap_err().to_string().contains("1 | jobs = 4 x"),
            "other lines are shown whole"
        );
    }

    #[test]
    fn the_commands_table_overrides_the_top() {
        let text =
            "jobs = 3\narch = [\"amd64\", \"arm\"]\n[mirror]\njobs = 5\n[plugins.x]\na = 1\n";
        let file = parse(text).unwrap();
        assert_eq!(values(&file, "mirror", "jobs").unwrap(), ["5"]);
        assert_eq!(values(&file, "mirror-validate", "jobs").unwrap(), ["3"]);
        assert_eq!(values(&file, "mirror", "arch").unwrap(), ["amd64", "arm"]);
        assert_eq!(values(&file, "mirror", "destination").unwrap(), [""; 0]);
        assert!(file.plugin("x").is_some() && file.plugin("y").is_none());
    }

    #[test]
    fn validation_takes_from_mirror_what_decides_the_destination() {
        let text =
            "rewrite = ['a']\nos = 'linux'\n[mirror]\nrewrite = ['b']\njobs = 2\nos = 'aix'\n";
        let file = parse(&format!("{text}[mirror-validate]\nos = 'plan9'\n")).unwrap();
        assert_eq!(values(&file, "mirror-validate", "rewrite").unwrap(), ["b"]);
        assert_eq!(
            values(&file, "mirror-validate", "os").unwrap(),
            ["plan9"],
            "its own table wins"
        );
        assert_eq!(values(&file, "mirror-validate", "jobs").unwrap(), [""; 0]);
        assert_eq!(values(&file, "mirror-charts", "rewrite").unwrap(), ["a"]);
        for key in super::OF_MIRROR {
            for command in ["mirror", "mirror-validate"] {
                assert!(flags::settings_keys()[command].contains(key), "{command} has no {key}");
            }
        }
    }

    #[test]
    fn wrong_keys_and_types_are_named_with_their_place() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert!(error("job = 1").contains("unknown key \"job\""));
        assert!(error("[mirror]\nx = 1").contains("mirror.x"));
        assert!(error("[mirror]\nlisten = 'x'").contains("mirror.listen"), "serve's flag");
        assert!(error("input = 'x'").contains("unknown key \"input\""), "it names one run's file");
        assert!(error("[plugins]\nprefix = 'x'").contains("plugins.prefix must be a table"));
        assert!(error("a = [").contains("line 1"));
        let file = parse("jobs = true\ndebug = \"yes\"\nrewrite = [1]").unwrap();
        for (key, expected) in [
            ("jobs", "jobs must be a number or a text"),
            ("debug", "debug must be true or false"),
            ("rewrite", "rewrite must be a list of texts"),
        ] {
            let error = values(&file, "mirror", key).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
    }
    #[test]
    fn what_is_no_settings_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let largest = file("largest", &[b' '; super::LIMIT as usize]);
        assert!(SettingsFile::find(Some(&largest), &[]).is_ok());
        let (larger, odd) =
            (file("larger", &[b' '; super::LIMIT as usize + 1]), file("odd", b"\xff"));
        for (path, why) in [
            (larger.as_path(), "it has more than 1048576 bytes"),
            (Path::new("/dev/zero"), "it has more than 1048576 bytes"),
            (&odd, "it is not UTF-8 text"),
            (folder.path(), "Is a directory"),
        ] {
            let error = SettingsFile::find(Some(path), &[]).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
