//! Where an endpoint is: the registry itself, a template over its host, or a configured place.

use longshore_plugin_pack::Endpoint;
use serde_json::{Map, Value};

use super::error::LoadProblem;
use super::escape::shown;

const HOST: &str = "{registry}";

/// An endpoint's origin as far as it is known before a registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The destination, scheme included.
    Registry,
    /// Scheme and authority, with the registry's host in place of `{registry}`.
    Template(String),
}

impl Origin {
    /// Reads what the metadata says; `config` answers for `config:KEY`.
    pub(super) fn read(
        endpoint: &Endpoint,
        config: &Map<String, Value>,
    ) -> Result<Self, LoadProblem> {
        let refused = |origin: &str| LoadProblem::Origin {
            endpoint: endpoint.name.clone(),
            origin: shown(origin),
        };
        if endpoint.origin == "registry" {
            return Ok(Self::Registry);
        }
        if let Some(key) = endpoint.origin.strip_prefix("config:") {
            // Without a value the registry itself is meant: the user configured no other place.
            return match config.get(key).and_then(Value::as_str) {
                None | Some("" | "registry") => Ok(Self::Registry),
                Some(origin) if is_origin(origin) => Ok(Self::Template(origin.to_owned())),
                Some(origin) => Err(refused(origin)),
            };
        }
        // The registry's credential goes to the registry's host and nowhere else, and a component
        // does not choose hosts: a fixed one comes from the user's configuration.
        if authority(&endpoint.origin) == Some(HOST) {
            Ok(Self::Template(endpoint.origin.clone()))
        } else {
            Err(refused(&endpoint.origin))
        }
    }

    /// The origin for a registry's host: `registry`, or scheme and authority.
    pub(super) fn resolve(&self, registry: &str) -> String {
        match self {
            Self::Registry => "registry".to_owned(),
            Self::Template(template) => template.replace(HOST, registry),
        }
    }
}

fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
}

/// Scheme and authority alone: no path, no user, nothing that a URL would be read differently for.
fn is_origin(origin: &str) -> bool {
    authority(origin).is_some_and(|authority| {
        let bare = authority.replace(HOST, "h");
        !bare.is_empty()
            && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use longshore_plugin_pack::{Auth, Endpoint};
    use serde_json::{Map, Value, json};

    use super::Origin;

    fn read(origin: &str, config: Value) -> Option<String> {
        let (name, origin) = ("api".to_owned(), origin.to_owned());
        let endpoint = Endpoint { name, origin, auth: Auth::Registry };
        let config: Map<String, Value> = serde_json::from_value(config).expect("an object");
        let origin = Origin::read(&endpoint, &config).ok()?;
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
    fn a_component_chooses_no_host() {
        for origin in [
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
