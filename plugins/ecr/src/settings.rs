//! User settings for new repositories.

use serde::Deserialize;

/// The settings of the repository type. Existing repositories are not changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ecr {
    /// The address of the API. The host reads it.
    api: Option<String>,
    registry_id: Option<String>,
    tag_mutability: Mutability,
    pub(crate) scan_on_push: bool,
    pub(crate) encryption: Encryption,
    pub(crate) kms_key: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mutability {
    #[default]
    Mutable,
    Immutable,
}

/// The encryption of a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encryption {
    #[default]
    Aes256,
    Kms,
    KmsDsse,
}

impl Encryption {
    /// Returns the name in the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "KMS",
            Self::KmsDsse => "KMS_DSSE",
        }
    }
}

impl Ecr {
    /// Parses the configuration, a JSON object.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let settings: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if settings.kms_key.is_some() && settings.encryption == Encryption::Aes256 {
            return Err("kms-key needs encryption kms or kms-dsse".to_owned());
        }
        if settings.registry_id.as_deref().is_some_and(|id| !is_account(id)) {
            return Err("registry-id must be an AWS account of 12 digits".to_owned());
        }
        Ok(settings)
    }

    pub(crate) fn is_immutable(&self) -> bool {
        self.tag_mutability == Mutability::Immutable
    }

    /// Returns the AWS account of a registry: the configured one, or the first word of its host.
    pub(crate) fn account<'a>(&'a self, registry: &'a str) -> Option<&'a str> {
        let of_host = registry.split('.').next().filter(|first| is_account(first));
        self.registry_id.as_deref().or(of_host)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::Ecr;

    #[test]
    fn the_account_is_in_the_host_unless_configured() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(Ecr::default().account(host), Some("123456789012"));
        assert_eq!(Ecr::default().account("127.0.0.1:5000"), None);
        let own = Ecr::parse(r#"{"registry-id":"210987654321"}"#).expect("it is valid");
        assert_eq!(own.account(host), Some("210987654321"));
    }

    #[test]
    fn wrong_configurations_are_refused() {
        for json in [
            r#"{"tag-mutability":"never"}"#,
            r#"{"encryption":"rot13"}"#,
            r#"{"kms-key":"alias/mine"}"#,
            r#"{"encryption":"aes256","kms-key":"alias/mine"}"#,
            r#"{"registry-id":"12"}"#,
            r#"{"scan":true}"#,
        ] {
            assert!(Ecr::parse(json).is_err(), "{json} passed");
        }
        Ecr::parse(r#"{"encryption":"kms-dsse","kms-key":"alias/mine"}"#).expect("it is valid");
    }
}
