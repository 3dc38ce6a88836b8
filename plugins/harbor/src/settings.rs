//! User settings for new projects.

use serde::Deserialize;

use crate::Failure;

/// Settings for new projects. Existing projects are not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Whether Harbor's API uses HTTPS. The host reads it.
    pub https: Option<bool>,
    /// Whether everybody may pull from the project.
    pub public: bool,
    /// Quota in bytes; -1 means unlimited. Harbor accepts it from administrators only and applies
    /// its default for other users.
    pub storage_limit: Option<i64>,
    /// Whether new projects get a rule that makes all tags immutable.
    pub immutable_tags: bool,
}

impl Settings {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    ///
    /// Returns [`Failure::InvalidConfig`] for unknown keys, wrong types and values out of range.
    pub fn from_config(json: &str) -> Result<Self, Failure> {
        let settings: Self = serde_json::from_str(json)
            .map_err(|error| Failure::InvalidConfig(error.to_string()))?;
        if settings.storage_limit.is_some_and(|limit| limit < -1 || limit == 0) {
            return Err(Failure::InvalidConfig(
                "storage-limit must be a number of bytes, or -1 for none".into(),
            ));
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
        let json = r#"{"https":false,"public":true,"storage-limit":-1,"immutable-tags":true}"#;
        let expected = Settings {
            https: Some(false),
            public: true,
            storage_limit: Some(-1),
            immutable_tags: true,
        };
        assert_eq!(Settings::from_config(json), Ok(expected));
    }

    #[test]
    fn wrong_configurations_are_refused() {
        for json in [
            r#"{"public":"yes"}"#,
            r#"{"storage-limit":-2}"#,
            r#"{"storage-limit":0}"#,
            r#"{"registry-id":1}"#,
            r#"{"immutable-tags":1}"#,
            r#"{"pubic":true}"#,
        ] {
            assert!(
                matches!(Settings::from_config(json), Err(Failure::InvalidConfig(_))),
                "{json} passed"
            );
        }
    }
}
