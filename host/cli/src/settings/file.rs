//! The settings file: `longshore.toml`.
//!
//! Top-level keys are the long flags and hold for every command that has the flag; a table named
//! after a command overrides them; `[plugins.NAME]` configures a plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::SettingsError;

/// A settings file that was read and whose keys are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    table: Table,
}

impl SettingsFile {
    /// Reads the file at `path`; `flags` has the long flags of each command.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML or holds unknown keys.
    pub(crate) fn read(
        path: &Path,
        flags: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingsError::Read { path: path.to_owned(), error })?;
        Self::parse(path, &text, flags)
    }

    fn parse(
        path: &Path,
        text: &str,
        flags: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Self, SettingsError> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| SettingsError::Toml {
            path: path.to_owned(),
            message: error.to_string().trim().to_owned(),
        })?;
        let unknown = |key: String| SettingsError::UnknownKey { path: path.to_owned(), key };
        for (key, value) in &table {
            match value {
                Value::Table(inner) if flags.contains_key(key) => {
                    if let Some(bad) = inner.keys().find(|inner| !flags[key].contains(*inner)) {
                        return Err(unknown(format!("{key}.{bad}")));
                    }
                }
                Value::Table(plugins) if key == "plugins" => {
                    if let Some((name, _)) = plugins.iter().find(|(_, value)| !value.is_table()) {
                        return Err(SettingsError::Type {
                            path: path.to_owned(),
                            key: format!("plugins.{name}"),
                            expected: "a table, such as [plugins.prefix]",
                        });
                    }
                }
                _ if flags.values().any(|flags| flags.contains(key)) => {}
                _ => return Err(unknown(key.clone())),
            }
        }
        Ok(Self { path: path.to_owned(), table })
    }

    /// Where it lies; `None` where there is none.
    pub(crate) fn path(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(&*self.path)
    }

    fn get(&self, command: &str, key: &str) -> Option<&Value> {
        let of_command =
            self.table.get(command).and_then(Value::as_table).and_then(|table| table.get(key));
        of_command.or_else(|| self.table.get(key))
    }

    fn wrong(&self, key: &str, expected: &'static str) -> SettingsError {
        SettingsError::Type { path: self.path.clone(), key: key.to_owned(), expected }
    }

    /// A text, or a number written as one; an empty text is unset.
    ///
    /// # Errors
    /// Where it is anything else.
    pub(crate) fn text(&self, command: &str, key: &str) -> Result<Option<String>, SettingsError> {
        match self.get(command, key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Array(_)) => self.texts(command, key).map(|texts| Some(texts.join(","))),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    /// A list of texts; a single text is a list of one.
    ///
    /// # Errors
    /// Where it is anything else.
    pub(crate) fn texts(&self, command: &str, key: &str) -> Result<Vec<String>, SettingsError> {
        match self.get(command, key) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| self.wrong(key, "a list of texts"))
                })
                .collect(),
            Some(_) => Err(self.wrong(key, "a list of texts")),
        }
    }

    /// A boolean.
    ///
    /// # Errors
    /// Where it is anything else.
    pub(crate) fn boolean(&self, command: &str, key: &str) -> Result<Option<bool>, SettingsError> {
        let value = self.get(command, key);
        value
            .map(|value| value.as_bool().ok_or_else(|| self.wrong(key, "true or false")))
            .transpose()
    }

    /// A number of at least 1.
    ///
    /// # Errors
    /// Where it is anything else.
    pub(crate) fn count(&self, command: &str, key: &str) -> Result<Option<usize>, SettingsError> {
        let positive = |value: &Value| {
            value
                .as_integer()
                .and_then(|number| usize::try_from(number).ok())
                .filter(|&number| number > 0)
        };
        let value = self.get(command, key);
        value
            .map(|value| positive(value).ok_or_else(|| self.wrong(key, "a number of at least 1")))
            .transpose()
    }

    /// The first plugin whose table has `key`, and the key.
    pub(crate) fn plugin_with(&self, key: &'static str) -> Option<(String, &'static str)> {
        let plugins = self.table.get("plugins")?.as_table()?;
        let mut having = plugins.iter().filter(|(_, table)| table.get(key).is_some());
        having.next().map(|(plugin, _)| (plugin.clone(), key))
    }

    /// The table of the plugin `name`.
    pub(crate) fn plugin(&self, name: &str) -> Option<&Table> {
        self.table.get("plugins")?.as_table()?.get(name)?.as_table()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::SettingsFile;
    use crate::settings::SettingsError;

    fn parse(text: &str) -> Result<SettingsFile, SettingsError> {
        let flags = [
            ("mirror", &["jobs", "arch", "destination", "rewrite", "debug"][..]),
            ("mirror-validate", &["jobs", "arch", "destination"]),
            ("serve", &["listen"]),
        ];
        let flags = flags.map(|(command, flags)| {
            (command.to_owned(), flags.iter().map(|&flag| flag.to_owned()).collect())
        });
        SettingsFile::parse(Path::new("longshore.toml"), text, &BTreeMap::from(flags))
    }

    #[test]
    fn the_command_s_table_overrides_the_top() {
        let file = parse(
            "jobs = 3\narch = [\"amd64\", \"arm\"]\n[mirror]\njobs = 5\n[plugins.x]\na = 1\n",
        )
        .unwrap();
        assert_eq!(file.count("mirror", "jobs").unwrap(), Some(5));
        assert_eq!(file.count("mirror-validate", "jobs").unwrap(), Some(3));
        assert_eq!(file.text("mirror", "arch").unwrap().as_deref(), Some("amd64,arm"));
        assert_eq!(file.text("mirror", "destination").unwrap(), None);
        assert!(file.plugin("x").is_some() && file.plugin("y").is_none());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert!(error("job = 1").contains("unknown key \"job\""));
        assert!(error("[mirror]\nx = 1").contains("mirror.x"));
        assert!(error("[mirror]\nlisten = 'x'").contains("mirror.listen"), "serve's flag");
        assert!(error("[plugins]\nprefix = 'x'").contains("plugins.prefix must be a table"));
        assert!(error("a = [").contains("line 1"));
        let file = parse("jobs = 0\ndebug = \"yes\"").unwrap();
        assert!(file.count("mirror", "jobs").unwrap_err().to_string().contains("at least 1"));
        assert!(file.boolean("mirror", "debug").is_err());
    }
}
