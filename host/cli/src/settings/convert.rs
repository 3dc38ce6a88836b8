//! The settings of `convert-list`.

use super::layers::Origins;
use super::run::{named, placed};
use super::{PluginSettings, SettingsError, SettingsFile};
use crate::flags::{Convert, Global};
use longshore_engine::plan::parse_registry_flag;
use longshore_oci::Registry;

/// The settings of one conversion.
#[derive(Debug)]
pub(crate) struct ConvertSettings {
    pub(crate) flags: Convert,
    pub(crate) tls_verify: bool,
    pub(crate) source: Option<Registry>,
    pub(crate) destination: Option<Registry>,
    pub(crate) plugins: PluginSettings,
}

impl ConvertSettings {
    /// Parses the flags that name registries and plugins.
    ///
    /// # Errors
    /// Returns an error that names the value and its origin.
    pub(crate) fn new(
        mut flags: Convert,
        global: &Global,
        origins: &Origins,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let registry = |key, short, text: Option<&String>| {
            text.map(|text| parse_registry_flag(named(origins, key, short), text))
                .transpose()
                .map_err(|error| placed(error, origins, key, &file))
        };
        let source = registry("source", "-s", flags.source.as_ref())?;
        let destination = registry("destination", "-d", flags.destination.as_ref())?;
        flags.list_format = flags.list_format.filter(|name| name != "auto");
        Ok(Self {
            plugins: PluginSettings::new(file, &flags.plugin_config, Vec::new())?,
            tls_verify: global.tls_verify,
            flags,
            source,
            destination,
        })
    }
}
