//! The settings of `convert-list`.

use super::layers::Origins;
use super::run::{named, placed};
use super::{PluginSettings, SettingsError, SettingsFile};
use crate::convert::Replacements;
use crate::flags::{Convert, Global};
use longshore_chart::source::RepoLogin;
use longshore_engine::plan::parse_registry_flag;
use longshore_registry::InsecureRegistries;

/// The settings of one conversion.
#[derive(Debug)]
pub(crate) struct ConvertSettings {
    pub(crate) flags: Convert,
    pub(crate) insecure: InsecureRegistries,
    pub(crate) replacements: Replacements,
    pub(crate) plugins: PluginSettings,
    /// The logins of chart repositories, or why they cannot be used.
    pub(crate) logins: Result<Vec<RepoLogin>, SettingsError>,
    /// Notes on flags that change nothing.
    pub(crate) notes: Vec<String>,
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
        let replacements = Replacements {
            source: registry("source", "-s", flags.source.as_ref())?,
            destination: registry("destination", "-d", flags.destination.as_ref())?,
            source_project: flags.source_project.clone(),
            destination_project: flags.destination_project.clone(),
        };
        let mut notes = flags.hangar.notes(false).map_err(SettingsError::Replaced)?;
        if flags.timeout.is_some() {
            notes.push("--timeout changes nothing: a conversion copies no images".to_owned());
        }
        flags.list_format = flags.list_format.filter(|name| name != "auto");
        let logins = file.repositories();
        let mut plugins = PluginSettings::new(file, &flags.plugin_config, Vec::new())?;
        plugins.locked = flags.locked;
        Ok(Self { logins, plugins, insecure: global.insecure(), flags, replacements, notes })
    }
}
