//! The settings of `convert-list`.

use super::{PluginSettings, SettingsError, SettingsFile};
use longshore_engine::list::STANDARD_FORMAT;
use longshore_engine::plan::parse_registry_flag;
use longshore_oci::Registry;

/// The command's table in the settings file.
const COMMAND: &str = "convert-list";

/// What the command line gave; what it left open is `None` or empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConvertArguments {
    pub(crate) source: Option<String>,
    pub(crate) destination: Option<String>,
    pub(crate) list_format: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) resolve: Option<bool>,
    pub(crate) plugin_config: Vec<String>,
    pub(crate) tls_verify: Option<bool>,
    pub(crate) debug: Option<bool>,
}

/// Everything that a conversion is told, but for the files, which only the command line names.
#[derive(Clone, Debug)]
pub(crate) struct ConvertSettings {
    pub(crate) source: Option<Registry>,
    pub(crate) destination: Option<Registry>,
    /// `None` asks the plugins.
    pub(crate) list_format: Option<String>,
    pub(crate) to: String,
    pub(crate) resolve: bool,
    pub(crate) plugins: PluginSettings,
    pub(crate) tls_verify: bool,
    pub(crate) debug: bool,
}

impl ConvertSettings {
    /// Resolves arguments over file over defaults. `DOCKER_REGISTRY` is for what is mirrored.
    ///
    /// # Errors
    /// Where a value is wrong, whichever of them it comes from.
    pub(crate) fn resolve(
        arguments: ConvertArguments,
        file: SettingsFile,
    ) -> Result<Self, SettingsError> {
        let text = |given: Option<String>, key| match given.filter(|text| !text.is_empty()) {
            Some(text) => Ok(Some(text)),
            None => file.text(COMMAND, key),
        };
        let registry = |flag, text: Option<String>| {
            text.map(|text| parse_registry_flag(flag, &text)).transpose()
        };
        let config = match arguments.plugin_config.is_empty() {
            true => file.texts(COMMAND, "plugin-config")?,
            false => arguments.plugin_config,
        };
        let boolean = |given: Option<bool>, key, default| match given {
            Some(given) => Ok(given),
            None => file.boolean(COMMAND, key).map(|found| found.unwrap_or(default)),
        };
        Ok(Self {
            source: registry("-s", text(arguments.source, "source")?)?,
            destination: registry("-d", text(arguments.destination, "destination")?)?,
            list_format: text(arguments.list_format, "list-format")?.filter(|name| name != "auto"),
            to: text(arguments.to, "to")?.unwrap_or_else(|| STANDARD_FORMAT.to_owned()),
            plugins: PluginSettings::new(file.clone(), &config, Vec::new())?,
            resolve: boolean(arguments.resolve, "resolve", false)?,
            tls_verify: boolean(arguments.tls_verify, "tls-verify", true)?,
            debug: boolean(arguments.debug, "debug", false)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ConvertArguments, ConvertSettings, STANDARD_FORMAT};
    use crate::settings::SettingsFile;

    #[test]
    fn flags_go_before_defaults_and_registries_are_looked_at() {
        let resolve = |destination: &str| {
            let destination = Some(destination.to_owned());
            let arguments = ConvertArguments { destination, ..ConvertArguments::default() };
            ConvertSettings::resolve(arguments, SettingsFile::default())
        };
        let settings = resolve("r.io:5000").unwrap();
        assert_eq!(settings.destination.unwrap().as_str(), "r.io:5000");
        assert_eq!(settings.to, STANDARD_FORMAT);
        assert!(resolve("").unwrap().destination.is_none());
        assert!(resolve("https://r.io").is_err());
    }
}
