//! The configuration and grants of plugins, from the settings file and the command line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::endpoint::EndpointSettings;
use super::file::text_of;
use super::grants::{self as in_file, GRANTS};
use super::keys::ENDPOINTS;
use super::{SettingsError, SettingsFile};
use crate::error::Fatal;
use longshore_files::read_any;
use longshore_plugin_host::{PluginError, PluginHost};

/// The limit for all files of `--plugin-config NAME.KEY=@FILE` together, in bytes. Plugins need several
/// times as much memory.
const FILES_LIMIT: u64 = 16 * 1024 * 1024;

/// The setting that `--harbor-https` is short for: the plugin and its key.
pub(super) const HARBOR_HTTPS: (&str, &str) = ("harbor", "https");

/// Returns the flag that sets a key of a plugin's configuration.
pub(crate) fn plugin_flag(plugin: &str, key: &str) -> String {
    if (plugin, key) == HARBOR_HTTPS {
        return format!("--{plugin}-{key}");
    }
    format!("--plugin-config {plugin}.{key}")
}

/// The user's settings for plugins.
#[derive(Clone, Debug, Default)]
pub(crate) struct PluginSettings {
    file: SettingsFile,
    /// The settings of other flags, by plugin.
    set: HashMap<&'static str, Map<String, Value>>,
    /// `--plugin-config`, by plugin.
    given: HashMap<String, Map<String, Value>>,
    /// `[plugins.NAME.endpoints.ENDPOINT]`, by plugin and endpoint.
    endpoints: HashMap<String, HashMap<String, EndpointSettings>>,
    /// The grants of installed plugins in the settings file, by plugin.
    granted: HashMap<String, Vec<String>>,
    /// `--grant`, for the repository type of the run.
    pub(crate) grants: Vec<String>,
    /// `--locked`.
    pub(crate) locked: bool,
}

impl PluginSettings {
    /// Reads `--plugin-config NAME.KEY=VALUE`; a value `@FILE` is replaced by the content of the file.
    ///
    /// # Errors
    /// Returns an error if a setting has another form, or its file cannot be read.
    pub(crate) fn new(
        file: SettingsFile,
        config: &[String],
        grants: Vec<String>,
    ) -> Result<Self, SettingsError> {
        let mut given: HashMap<String, Map<String, Value>> = HashMap::new();
        let mut left = FILES_LIMIT;
        for setting in config {
            let parts = setting
                .split_once('=')
                .and_then(|(key, value)| Some((key.split_once('.')?, value)));
            let Some(((name, key), value)) =
                parts.filter(|((name, key), _)| !name.is_empty() && !key.is_empty())
            else {
                return Err(SettingsError::PluginConfig(setting.clone()));
            };
            let text = match value.strip_prefix('@') {
                None => value.to_owned(),
                Some(path) => {
                    let path = PathBuf::from(path);
                    let text = text_of(read_any(&path, left)).map_err(|error| {
                        SettingsError::PluginFile { key: format!("{name}.{key}"), path, error }
                    })?;
                    left -= text.len() as u64;
                    text
                }
            };
            given.entry(name.to_owned()).or_default().insert(key.to_owned(), Value::String(text));
        }
        let mut endpoints = HashMap::new();
        for (plugin, table) in file.plugin_tables() {
            if let Some(value) = table.get(ENDPOINTS) {
                let place = format!("plugins.{plugin}.{ENDPOINTS}");
                let path = file.path().unwrap_or(Path::new(""));
                endpoints.insert(plugin.clone(), EndpointSettings::all(path, &place, value)?);
            }
        }
        let mut granted = HashMap::new();
        for (plugin, table) in file.plugin_tables() {
            granted.insert(plugin.to_owned(), in_file::read(&file, plugin, table)?);
        }
        Ok(Self { file, set: HashMap::new(), given, endpoints, granted, grants, locked: false })
    }

    /// Sets a key for which there is a flag. `--plugin-config` overrides it. The run need not use the
    /// plugin.
    pub(super) fn set(&mut self, (plugin, key): (&'static str, &str), value: bool) {
        self.set.entry(plugin).or_default().insert(key.to_owned(), Value::Bool(value));
    }

    /// Returns the key of a plugin's configuration as the user wrote it: a flag, or a key of the settings
    /// file.
    pub(crate) fn written(&self, plugin: &str, key: &str) -> String {
        let has =
            |table: Option<&Map<String, Value>>| table.is_some_and(|table| table.contains_key(key));
        if has(self.given.get(plugin)) {
            format!("--plugin-config {plugin}.{key}")
        } else if !has(self.set.get(plugin))
            && self.file.plugin(plugin).is_some_and(|table| table.contains_key(key))
        {
            format!("[plugins.{plugin}] {key}")
        } else {
            plugin_flag(plugin, key)
        }
    }

    /// Returns the configuration of the plugin `name`; the command line overrides the file.
    pub(crate) fn config(&self, name: &str) -> Map<String, Value> {
        let mut config = Map::new();
        if let Some(table) = self.file.plugin(name) {
            for (key, value) in
                table.iter().filter(|(key, _)| ![ENDPOINTS, GRANTS].contains(&key.as_str()))
            {
                // TOML's dates become text; JSON has every other type.
                config.insert(key.clone(), serde_json::to_value(value).unwrap_or(Value::Null));
            }
        }
        config.extend(self.set.get(name).cloned().unwrap_or_default());
        config.extend(self.given.get(name).cloned().unwrap_or_default());
        config
    }

    /// Returns the plugins whose tables in the settings file have no effect on a run that uses these, and
    /// the file. A built-in plugin may have a table for other runs.
    pub(crate) fn idle<'a>(
        &'a self,
        used: &'a [String],
    ) -> impl Iterator<Item = (&'a str, &'a Path)> {
        let is_idle = |name: &&str| {
            PluginHost::built_in_keys(name).is_none() && !used.iter().any(|used| used == name)
        };
        let path = self.file.path().unwrap_or(Path::new(""));
        self.file.plugins().filter(is_idle).map(move |name| (name, path))
    }

    /// Returns the settings of the endpoints of the plugin `name`.
    pub(crate) fn endpoints(&self, name: &str) -> HashMap<String, EndpointSettings> {
        self.endpoints.get(name).cloned().unwrap_or_default()
    }

    /// Returns the settings file.
    pub(crate) const fn file(&self) -> &SettingsFile {
        &self.file
    }

    /// Returns the requests that the settings file grants to an installed plugin.
    pub(crate) fn granted(&self, plugin: &str) -> &[String] {
        self.granted.get(plugin).map_or(&[], Vec::as_slice)
    }

    /// Adds to an error in a plugin's configuration where the user set the key.
    pub(crate) fn blamed(&self, error: PluginError) -> Fatal {
        let PluginError::Config { plugin, problem } = &error else { return error.into() };
        let Some(key) = problem.key() else { return error.into() };
        let has = |table: Option<&Map<String, Value>>| table.is_some_and(|it| it.contains_key(key));
        let in_file = || self.file.plugin(plugin).is_some_and(|table| table.contains_key(key));
        let place = if has(self.given.get(plugin)) || has(self.set.get(plugin.as_str())) {
            format!("use {}", self.written(plugin, key))
        } else if let Some(path) = self.file.path().filter(|_| in_file()) {
            format!("read the settings file {}", path.display())
        } else {
            return error.into();
        };
        Fatal::PluginSetting { place, error: Box::new(error) }
    }

    /// Returns the plugins that `--plugin-config` names.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &str> {
        self.given.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::{FILES_LIMIT, PluginSettings};

    #[test]
    fn values_come_from_the_command_line_and_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("map");
        std::fs::write(&file, "a: b\n").unwrap();
        let config = ["prefix.prefix=a/b=c".to_owned(), format!("map.table=@{}", file.display())];
        let settings = PluginSettings::new(Default::default(), &config, Vec::new()).unwrap();
        assert_eq!(settings.config("prefix")["prefix"], "a/b=c");
        assert_eq!(settings.config("map")["table"], "a: b\n");
        assert!(settings.config("other").is_empty());
        for bad in ["prefix", "prefix=x", ".a=b", "a.=b"] {
            assert!(
                PluginSettings::new(Default::default(), &[bad.to_owned()], Vec::new()).is_err(),
                "{bad}"
            );
        }
    }
    #[test]
    fn files_are_read_up_to_a_limit_for_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, size: u64| {
            let path = folder.path().join(name);
            std::fs::write(&path, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
            path.display().to_string()
        };
        let (half, more) = (file("half", FILES_LIMIT / 2), file("more", FILES_LIMIT / 2 + 1));
        let read = |files: &[&str]| {
            let config: Vec<String> =
                (0..).zip(files).map(|(n, file)| format!("p.k{n}=@{file}")).collect();
            PluginSettings::new(Default::default(), &config, Vec::new()).map(drop)
        };
        read(&[&half, &half]).unwrap();
        let folder = folder.path().display().to_string();
        for (files, why) in [
            (vec![half.as_str(), &more], "it has more than 8388608 bytes"),
            (vec!["/dev/zero"], "it has more than 16777216 bytes"),
            (vec!["/dev/null", "/dev/urandom"], "it has more than 16777216 bytes"),
            (vec![&folder], "Is a directory"),
        ] {
            let error = read(&files).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
