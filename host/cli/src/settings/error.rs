//! Why the settings are of no use.

use std::path::PathBuf;

use longshore_engine::plan::PlanError;
use longshore_oci::Registry;

/// A setting is wrong; nothing was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The settings file cannot be read.
    #[error("read the settings file {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The settings file is no TOML.
    #[error("read the settings file {}: {message}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Why, with the place.
        message: String,
    },
    /// It holds a key that is no flag.
    #[error("read the settings file {}: unknown key {key:?}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: String,
    },
    /// A value of it has the wrong type.
    #[error("read the settings file {}: {key} must be {expected}", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A value is none of those that there are.
    #[error("use {value:?} for {key}: {expected}")]
    Value {
        /// The flag or key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// A plugin's setting has no form.
    #[error("use --plugin-config {0:?}: it is not NAME.KEY=VALUE")]
    PluginConfig(String),
    /// The file that a plugin's setting names cannot be read.
    #[error("use --plugin-config {key}: read {}: {error}", path.display())]
    PluginFile {
        /// The setting.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It is for installed plugins, which this version does not have.
    #[error("use [plugins.{plugin}] {key}: there are no installed plugins yet")]
    ReservedKey {
        /// The plugin.
        plugin: String,
        /// The key.
        key: &'static str,
    },
    /// Requests are granted to nobody.
    #[error(
        "use --grant {0:?}: it is for a repository type that is given by its path, and there is none"
    )]
    UnusedGrant(String),
    /// A plugin would send the registry's password over plain HTTP.
    #[error("use {setting} for {registry}: plain HTTP would show the password to the network")]
    PlainHttp {
        /// The flag that asks for plain HTTP.
        setting: String,
        /// The registry, which is not on loopback.
        registry: Registry,
    },
    /// A plugin is configured that the run does not use.
    #[error("use --plugin-config {0}: this run uses no plugin of that name")]
    UnusedPlugin(String),
    /// `-s` or `-d` is no registry, or a filter is none.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl SettingsError {
    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => Some("--settings or LONGSHORE_CONFIG names the file".to_owned()),
            Self::UnknownKey { .. } => Some(
                "keys are the long flags without the dashes; tables are [mirror], [mirror-validate] and [plugins.NAME]"
                    .to_owned(),
            ),
            Self::PlainHttp { .. } => Some(
                "give --tls-verify=false too if that network is to be trusted".to_owned(),
            ),
            Self::ReservedKey { .. } => {
                Some("requests of a plugin that is given by its path are allowed by --grant".to_owned())
            }
            Self::PluginConfig(_) => {
                Some("for example --plugin-config prefix.prefix=team, or KEY=@FILE for a file's content".to_owned())
            }
            Self::Plan(error) => error.hint(),
            _ => None,
        }
    }
}
