//! The origin of an endpoint: the registry itself, a template over its host, or a configured origin.

use longshore_plugin_pack::Endpoint;
use serde_json::{Map, Value};

use crate::error::LoadProblem;
use crate::escape::shown;

const HOST: &str = "{registry}";
const PLAIN: &str = "http://";

/// The origin of an endpoint before the registry of a call is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The destination with the scheme that the host uses for it.
    Registry,
    /// Scheme and authority, in which `{registry}` stands for the registry's host.
    Template(String),
}

impl Origin {
    /// Reads the origin of an endpoint; `config` holds the values of `config:KEY` and `https-key`.
    pub(crate) fn read(
        endpoint: &Endpoint,
        config: &Map<String, Value>,
    ) -> Result<Self, LoadProblem> {
        let origin = Self::declared(endpoint, config)?;
        let https = endpoint.https_key.as_ref().and_then(|key| config.get(key));
        Ok(match origin {
            Self::Template(text) if https == Some(&Value::Bool(false)) => {
                Self::Template(text.replacen("https://", PLAIN, 1))
            }
            origin => origin,
        })
    }

    fn declared(endpoint: &Endpoint, config: &Map<String, Value>) -> Result<Self, LoadProblem> {
        let refused = |origin: &str| LoadProblem::Origin {
            endpoint: endpoint.name.clone(),
            origin: shown(origin),
        };
        if endpoint.origin == "registry" {
            return Ok(Self::Registry);
        }
        if let Some(key) = endpoint.origin.strip_prefix("config:") {
            // Without a value the origin is the registry itself.
            return match config.get(key).and_then(Value::as_str) {
                None | Some("" | "registry") => Ok(Self::Registry),
                Some(origin) if is_origin(origin) => Ok(Self::Template(origin.to_owned())),
                Some(origin) => Err(refused(origin)),
            };
        }
        // The registry's credential goes only to the registry's host. A component chooses neither
        // another host nor plain HTTP: both come from the user's configuration.
        if endpoint.origin == "https://{registry}" {
            Ok(Self::Template(endpoint.origin.clone()))
        } else {
            Err(refused(&endpoint.origin))
        }
    }

    /// Returns whether requests go over plain HTTP, whatever the registry uses.
    pub(crate) fn is_plain_http(&self) -> bool {
        matches!(self, Self::Template(text) if text.starts_with(PLAIN))
    }

    /// Returns the origin for a registry's host: `registry`, or scheme and authority.
    pub(crate) fn resolve(&self, registry: &str) -> String {
        match self {
            Self::Registry => "registry".to_owned(),
            Self::Template(template) => template.replace(HOST, registry),
        }
    }
}

fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix(PLAIN))
}

/// Returns whether the text is only a scheme and an authority, without a path or a user.
fn is_origin(origin: &str) -> bool {
    authority(origin).is_some_and(|authority| {
        !authority.is_empty()
            && authority
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use longshore_plugin_pack::{Auth, Endpoint};
    use serde_json::{Map, Value, json};

    use super::Origin;

    fn read(origin: &str, config: Value) -> Option<String> {
        let (name, origin) = ("api".to_owned(), origin.to_owned());
        let https_key = Some("https".to_owned());
        let endpoint = Endpoint { name, origin, https_key, auth: Auth::Registry };
        let config: Map<String, Value> = serde_json::from_value(config).expect("an object");
        let origin = Origin::read(&endpoint, &config).ok()?;
        let is_plain = origin.resolve("r").starts_with("http://");
        assert_eq!(origin.is_plain_http(), is_plain);
        Some(origin.resolve("r.example.com:8443"))
    }

    #[test]
    fn origins_follow_the_registry_or_the_configuration() {
        let none = || json!({});
        assert_eq!(read("registry", none()).as_deref(), Some("registry"));
        assert_eq!(
            read("https://{registry}", none()).as_deref(),
            Some("https://r.example.com:8443")
        );
        assert_eq!(
            read("config:api", json!({"api": "https://api.example.com"})).as_deref(),
            Some("https://api.example.com")
        );
        assert_eq!(read("config:api", none()).as_deref(), Some("registry"));
    }

    #[test]
    fn only_the_configuration_chooses_plain_http() {
        for (config, expected) in [
            (json!({"https": false}), "http://r.example.com:8443"),
            (json!({"https": true}), "https://r.example.com:8443"),
            (json!({"other": false}), "https://r.example.com:8443"),
        ] {
            assert_eq!(read("https://{registry}", config).as_deref(), Some(expected));
        }
        assert_eq!(read("registry", json!({"https": false})).as_deref(), Some("registry"));
    }

    #[test]
    fn a_component_chooses_no_host() {
        for origin in [
            "http://{registry}",
            "https://api.{registry}",
            "https://evil.example.com",
            "https://evil.example.com/{registry}",
            "https://{registry}@evil.example.com",
            "https://{registry}/path",
            "ftp://{registry}",
            "{registry}",
        ] {
            assert_eq!(read(origin, json!({})), None, "{origin} passed");
        }
        let config = json!({"api": "https://user@api.example.com"});
        assert_eq!(read("config:api", config), None);
    }
}
