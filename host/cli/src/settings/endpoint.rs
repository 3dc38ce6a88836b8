//! The settings of a plugin's endpoints: `[plugins.NAME.endpoints.ENDPOINT]`.
//!
//! They hold the origin and the credential of an endpoint. Neither reaches the plugin. A table below, which
//! has the name of a registry, holds the credential for that registry.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use longshore_registry::Secret;
use toml::{Table, Value};

use super::SettingsError;

/// The key with the origin of an endpoint.
pub(super) const ORIGIN: &str = "origin";

/// The keys of a credential that may come from a variable, `KEY-env`.
const SECRETS: [&str; 6] =
    ["username", "password", "token", "access-key-id", "secret-access-key", "session-token"];
/// The other keys of a credential.
const PLAIN: [&str; 3] = ["region", "profile", "helper"];

/// Returns the keys of a credential.
pub(super) fn credential_keys() -> impl Iterator<Item = String> {
    let variables = SECRETS.iter().map(|key| format!("{key}-env"));
    SECRETS.iter().chain(&PLAIN).map(|&key| key.to_owned()).chain(variables)
}

/// The settings of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EndpointSettings {
    /// Where requests go, whatever the plugin says.
    pub(crate) origin: Option<String>,
    credential: CredentialSettings,
    /// Credentials by registry.
    registries: HashMap<String, CredentialSettings>,
}

/// The settings of a credential.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct CredentialSettings {
    values: HashMap<String, String>,
}

impl fmt::Debug for CredentialSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl EndpointSettings {
    /// Reads the settings of all endpoints of a plugin. `place` is the key of `value` in the file, whose
    /// unknown keys were refused before.
    pub(super) fn all(
        path: &Path,
        place: &str,
        value: &Value,
    ) -> Result<HashMap<String, Self>, SettingsError> {
        table(path, place, value)?
            .iter()
            .map(|(name, value)| {
                let place = format!("{place}.{name}");
                Ok((name.clone(), Self::read(path, &place, value)?))
            })
            .collect()
    }

    fn read(path: &Path, place: &str, value: &Value) -> Result<Self, SettingsError> {
        let mut read = Self::default();
        for (key, value) in table(path, place, value)? {
            let inner = format!("{place}.{key}");
            if key == ORIGIN {
                read.origin = Some(text(path, &inner, value)?);
            } else if value.is_table() {
                let mut credential = CredentialSettings::default();
                let inner = format!("{place}.{key:?}");
                for (key, value) in table(path, &inner, value)? {
                    credential.add(path, &inner, key, value)?;
                }
                read.registries.insert(key.to_ascii_lowercase(), credential);
            } else {
                read.credential.add(path, place, key, value)?;
            }
        }
        Ok(read)
    }

    /// Returns the credential for a registry.
    pub(crate) fn credential(&self, registry: &str) -> &CredentialSettings {
        self.registries.get(registry).unwrap_or(&self.credential)
    }
}

impl CredentialSettings {
    fn add(
        &mut self,
        path: &Path,
        place: &str,
        key: &str,
        value: &Value,
    ) -> Result<(), SettingsError> {
        let inner = format!("{place}.{key}");
        self.values.insert(key.to_owned(), text(path, &inner, value)?);
        Ok(())
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the value of a key that is not a secret.
    pub(crate) fn plain(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of a key, or of the variable that `KEY-env` names.
    ///
    /// # Errors
    /// Returns a fragment if the variable is not set.
    pub(crate) fn secret(
        &self,
        key: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Secret>, String> {
        if let Some(value) = self.plain(key) {
            return Ok(Some(Secret::new(value)));
        }
        let Some(name) = self.plain(&format!("{key}-env")) else { return Ok(None) };
        match variable(name).filter(|value| !value.is_empty()) {
            Some(value) => Ok(Some(Secret::new(value))),
            None => Err(format!("the variable {name} is not set")),
        }
    }
}

fn table<'a>(path: &Path, key: &str, value: &'a Value) -> Result<&'a Table, SettingsError> {
    value.as_table().ok_or_else(|| SettingsError::Type {
        path: path.to_owned(),
        key: key.to_owned(),
        expected: "a table, such as [plugins.NAME.endpoints.api]",
    })
}

fn text(path: &Path, key: &str, value: &Value) -> Result<String, SettingsError> {
    value.as_str().map(str::to_owned).ok_or_else(|| SettingsError::Type {
        path: path.to_owned(),
        key: key.to_owned(),
        expected: "a text",
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::EndpointSettings;
    use crate::settings::SettingsError;

    fn read(text: &str) -> Result<EndpointSettings, SettingsError> {
        let table: toml::Table = text.parse().unwrap();
        let all = EndpointSettings::all(Path::new("s.toml"), "plugins.p.endpoints", &table.into());
        all.map(|mut all| all.remove("api").unwrap())
    }

    #[test]
    fn values_come_from_the_file_or_from_variables() {
        let settings = read(
            "[api]\norigin = 'https://a.example'\nusername = 'jo-user'\npassword-env = 'PW'\n\
             [api.'R.example:5000']\ntoken-env = 'GONE'\nregion = 'eu-west-1'\n",
        )
        .unwrap();
        let variable = |name: &str| (name == "PW").then(|| "hunter2".to_owned());
        assert_eq!(settings.origin.as_deref(), Some("https://a.example"));
        let credential = settings.credential("other.example");
        let password = credential.secret("password", variable).unwrap().unwrap();
        assert_eq!(password.expose(), "hunter2");
        assert!(credential.secret("token", variable).unwrap().is_none());
        assert!(!format!("{settings:?}").contains("jo-user"), "{settings:?}");
        let own = settings.credential("r.example:5000");
        assert_eq!(own.plain("region"), Some("eu-west-1"));
        assert_eq!(own.secret("token", variable).unwrap_err(), "the variable GONE is not set");
        assert!(own.secret("username", variable).unwrap().is_none(), "nothing is mixed");
    }

    #[test]
    fn wrong_keys_and_types_are_named_with_their_place() {
        for (text, expected) in [
            ("api = 1", "plugins.p.endpoints.api must be a table"),
            ("[api]\ntoken = 1", "plugins.p.endpoints.api.token must be a text"),
            ("[api.'r.example']\ntoken = 1", "endpoints.api.\"r.example\".token must be a text"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
