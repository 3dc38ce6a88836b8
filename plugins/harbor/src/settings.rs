//! What the user may say about new projects.

use serde::Deserialize;

use crate::Failure;

/// How projects are made; those that exist are left as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Anybody may pull.
    pub public: bool,
    /// Quota in bytes, -1 for none. Harbor takes it from administrators only and puts its own
    /// default in place of anybody else's.
    pub storage_limit: Option<i64>,
    /// Makes a proxy cache of this registry endpoint.
    pub registry_id: Option<i64>,
}

impl Settings {
    /// Reads the configuration, a JSON object.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidConfig`] for unknown keys, other types and numbers out of range.
    pub fn from_config(json: &str) -> Result<Self, Failure> {
        let settings: Self = serde_json::from_str(json)
            .map_err(|error| Failure::InvalidConfig(error.to_string()))?;
        if settings.storage_limit.is_some_and(|limit| limit < -1 || limit == 0) {
            return Err(Failure::InvalidConfig(
                "storage-limit must be a number of bytes, or -1 for none".into(),
            ));
        }
        if settings.registry_id.is_some_and(|id| id < 1) {
            return Err(Failure::InvalidConfig("registry-id must be a positive number".into()));
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::Failure;

    #[test]
    fn projects_are_private_unless_configured() {
        assert_eq!(Settings::from_config("{}"), Ok(Settings::default()));
        assert!(!Settings::default().public);
        let json = r#"{"public":true,"storage-limit":-1,"registry-id":3}"#;
        let expected = Settings { public: true, storage_limit: Some(-1), registry_id: Some(3) };
        assert_eq!(Settings::from_config(json), Ok(expected));
    }

    #[test]
    fn wrong_configurations_are_refused() {
        for json in [
            r#"{"public":"yes"}"#,
            r#"{"storage-limit":-2}"#,
            r#"{"storage-limit":0}"#,
            r#"{"registry-id":0}"#,
            r#"{"pubic":true}"#,
        ] {
            assert!(
                matches!(Settings::from_config(json), Err(Failure::InvalidConfig(_))),
                "{json} passed"
            );
        }
    }
}
