//! Where a plugin sends requests, and how the host authenticates them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{is_name, shown};

/// A place that a plugin sends requests to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Endpoint {
    /// What the plugin calls it.
    pub name: String,
    /// `registry` (the destination itself, scheme included), a template such as `https://{registry}`, or
    /// `config:KEY`.
    pub origin: String,
    /// Origins by the host of the registry, for an `origin` of `config:KEY` without a value. The first
    /// one whose pattern fits counts. Without one, that origin is the registry itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<OriginTemplate>,
    /// The key of a boolean in the configuration. If its value is `false`, the host sends requests
    /// over plain HTTP instead of HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https_key: Option<String>,
    /// Which credential the host attaches.
    pub auth: Auth,
}

/// The origin of an endpoint for registries whose host fits a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginTemplate {
    /// A host in which `{word}` stands for one label, such as
    /// `{account}.dkr.ecr.{region}.amazonaws.com`.
    pub registry: String,
    /// The origin with the same words, such as `https://api.ecr.{region}.amazonaws.com`.
    pub origin: String,
}

/// A request that the host sends to get the registry's credential. The plugin sees neither the request
/// nor the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exchange {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The HTTP method.
    pub method: String,
    /// The absolute path, not escaped.
    pub path: String,
    /// Headers beside those of the authentication.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The JSON pointer (RFC 6901) of the credential in the answer.
    pub pointer: String,
    /// How the credential is written.
    pub encoding: Encoding,
    /// The user name of an [`Encoding::Password`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The JSON pointer of the time at which the credential ends, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The JSON pointer of the lifetime of the credential, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<String>,
}

/// How an exchange writes a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// `USER:PASSWORD`.
    Basic,
    /// `USER:PASSWORD` in base64.
    Base64Basic,
    /// A password; the exchange names the user.
    Password,
    /// A token that the registry takes as it is.
    Bearer,
}

/// How the host authenticates requests to an endpoint; written `registry`, `none`, `basic`, `bearer` or
/// `sigv4:SERVICE`. The last three use a credential of the endpoint's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Auth {
    /// The credential that the user has for the registry, unless the settings give the endpoint one of
    /// its own.
    Registry,
    /// Without a credential: what everybody may ask, for which a wrong password is not shown.
    None,
    /// A name and a password of the endpoint's own.
    Basic,
    /// A token of the endpoint's own.
    Bearer,
    /// AWS signature version 4.
    Sigv4 {
        /// The service to sign for, such as `ecr`.
        service: String,
    },
}

impl fmt::Display for Auth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => out.write_str("registry"),
            Self::None => out.write_str("none"),
            Self::Basic => out.write_str("basic"),
            Self::Bearer => out.write_str("bearer"),
            Self::Sigv4 { service } => write!(out, "sigv4:{service}"),
        }
    }
}

/// An authentication that is not one of the known ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown auth {0:?}, expected registry, none, basic, bearer or sigv4:SERVICE")]
pub struct UnknownAuth(String);

impl FromStr for Auth {
    type Err = UnknownAuth;

    fn from_str(text: &str) -> Result<Self, UnknownAuth> {
        match text {
            "registry" => Ok(Self::Registry),
            "none" => Ok(Self::None),
            "basic" => Ok(Self::Basic),
            "bearer" => Ok(Self::Bearer),
            _ => match text.strip_prefix("sigv4:") {
                Some(service) if is_name(service) => {
                    Ok(Self::Sigv4 { service: service.to_owned() })
                }
                _ => Err(UnknownAuth(shown(text))),
            },
        }
    }
}

impl TryFrom<String> for Auth {
    type Error = UnknownAuth;

    fn try_from(text: String) -> Result<Self, UnknownAuth> {
        text.parse()
    }
}

impl From<Auth> for String {
    fn from(auth: Auth) -> Self {
        auth.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Auth, Encoding, Exchange};

    #[test]
    fn auth_is_one_word() {
        for text in ["registry", "none", "basic", "bearer", "sigv4:ecr-public"] {
            let auth: Auth = text.parse().expect("known");
            assert_eq!(auth.to_string(), text);
        }
        for text in ["", "nothing", "sigv4", "sigv4:", "sigv4:A", "Basic"] {
            assert!(text.parse::<Auth>().is_err(), "{text:?} passed");
        }
    }

    #[test]
    fn an_exchange_is_a_request_and_the_place_of_its_result() {
        let exchange: Exchange = serde_json::from_str(
            r#"{"endpoint":"api","method":"POST","path":"/","pointer":"/token",
                "encoding":"base64-basic","expires-at":"/end"}"#,
        )
        .expect("reads");
        assert_eq!(exchange.encoding, Encoding::Base64Basic);
        assert_eq!(exchange.expires_at.as_deref(), Some("/end"));
        assert!(serde_json::from_str::<Encoding>("\"base32\"").is_err());
    }
}
