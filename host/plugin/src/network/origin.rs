//! The origin of an endpoint: the registry itself, a template over its host, or a configured origin.

use std::collections::HashMap;

use longshore_plugin_pack::{Endpoint, OriginTemplate};
use serde_json::{Map, Value};

use super::template::{fits, is_template};
use crate::error::LoadProblem;
use crate::escape::shown;

const PLAIN: &str = "http://";
const TLS: &str = "https://";

/// The origin of an endpoint before the registry of a call is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    place: Place,
    /// Whether templates mean plain HTTP.
    plain: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The destination with the scheme that the host uses for it.
    Registry,
    /// Scheme and authority as the metadata declares them, with words for the registry's host.
    Template(String),
    /// The first template whose pattern fits the registry's host.
    ByHost(Vec<OriginTemplate>),
    /// Scheme and authority as the user wrote them.
    Given(String),
}

/// The origin of an endpoint for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// `registry`, or scheme and authority.
    pub(crate) origin: String,
    /// The word `region` in the registry's host.
    pub(crate) region: Option<String>,
    /// Whether it is at the registry's own host.
    pub(crate) is_own: bool,
    /// Whether the user wrote the origin.
    pub(crate) is_given: bool,
}

impl Origin {
    /// Reads the origin of an endpoint. `config` holds the values of `config:KEY` and `https-key`,
    /// `given` the origins that the user gave to endpoints.
    pub(crate) fn read(
        endpoint: &Endpoint,
        config: &Map<String, Value>,
        given: &HashMap<String, String>,
    ) -> Result<Self, LoadProblem> {
        let https = endpoint.https_key.as_ref().and_then(|key| config.get(key));
        let place = match given.get(&endpoint.name) {
            Some(origin) if is_origin(origin) => Place::Given(origin.clone()),
            Some(origin) => return Err(refused(endpoint, origin)),
            None => declared(endpoint, config)?,
        };
        Ok(Self { place, plain: https == Some(&Value::Bool(false)) })
    }

    /// Returns the host of the origin if its requests use plain HTTP, whatever the registry uses.
    /// `Some(None)` stands for the registry's own host.
    pub(crate) fn plain_http(&self) -> Option<Option<&str>> {
        match &self.place {
            Place::Given(origin) => origin.strip_prefix(PLAIN).map(Some),
            Place::Template(_) | Place::ByHost(_) if self.plain => Some(None),
            Place::Registry | Place::Template(_) | Place::ByHost(_) => None,
        }
    }

    /// Returns the origin for a registry's host, or `None` if no pattern fits it.
    pub(crate) fn resolve(&self, registry: &str) -> Option<Resolved> {
        let (origin, region) = match &self.place {
            Place::Registry => ("registry".to_owned(), None),
            Place::Given(origin) => (origin.clone(), None),
            Place::Template(template) => (template.replace("{registry}", registry), None),
            Place::ByHost(templates) => {
                let fitting = |template: &OriginTemplate| {
                    let words = fits(&template.registry, registry)?;
                    let mut origin = template.origin.replace("{registry}", registry);
                    for (word, text) in &words {
                        origin = origin.replace(&format!("{{{word}}}"), text);
                    }
                    let region = words.into_iter().find(|(word, _)| *word == "region");
                    Some((origin, region.map(|(_, region)| region.to_owned())))
                };
                templates.iter().find_map(fitting)?
            }
        };
        let is_given = matches!(self.place, Place::Given(_));
        let origin = match origin.strip_prefix(TLS) {
            Some(authority) if self.plain && !is_given => format!("{PLAIN}{authority}"),
            _ => origin,
        };
        let is_own = origin == "registry" || authority(&origin) == Some(registry);
        Some(Resolved { origin, region, is_own, is_given })
    }
}

fn refused(endpoint: &Endpoint, origin: &str) -> LoadProblem {
    LoadProblem::Origin { endpoint: endpoint.name.clone(), origin: shown(origin) }
}

fn declared(endpoint: &Endpoint, config: &Map<String, Value>) -> Result<Place, LoadProblem> {
    for template in &endpoint.templates {
        if !is_template(&template.origin, Some(&template.registry)) {
            return Err(refused(endpoint, &template.origin));
        }
    }
    if endpoint.origin == "registry" {
        return Ok(Place::Registry);
    }
    if let Some(key) = endpoint.origin.strip_prefix("config:") {
        return match config.get(key).and_then(Value::as_str) {
            Some("registry") => Ok(Place::Registry),
            // Without a value the registry's host decides, or the origin is the registry itself.
            None | Some("") if endpoint.templates.is_empty() => Ok(Place::Registry),
            None | Some("") => Ok(Place::ByHost(endpoint.templates.clone())),
            Some(origin) if is_origin(origin) => Ok(Place::Given(origin.to_owned())),
            Some(origin) => Err(refused(endpoint, origin)),
        };
    }
    // A component never chooses plain HTTP: that comes from the user's configuration.
    if is_template(&endpoint.origin, None) {
        Ok(Place::Template(endpoint.origin.clone()))
    } else {
        Err(refused(endpoint, &endpoint.origin))
    }
}

fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix(TLS).or_else(|| origin.strip_prefix(PLAIN))
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
    use std::collections::HashMap;

    use longshore_plugin_pack::{Auth, Endpoint, OriginTemplate};
    use serde_json::{Map, Value, json};

    use super::{Origin, Resolved};

    const REGISTRY: &str = "r.example.com:8443";

    fn endpoint(origin: &str) -> Endpoint {
        Endpoint {
            name: "api".to_owned(),
            origin: origin.to_owned(),
            templates: Vec::new(),
            https_key: Some("https".to_owned()),
            auth: Auth::Registry,
        }
    }

    fn read_endpoint(endpoint: &Endpoint, config: Value, given: Option<&str>) -> Option<Origin> {
        let config: Map<String, Value> = serde_json::from_value(config).expect("an object");
        let given: HashMap<String, String> =
            given.iter().map(|&origin| ("api".to_owned(), origin.to_owned())).collect();
        Origin::read(endpoint, &config, &given).ok()
    }

    fn resolved(origin: &str, config: Value) -> Option<Resolved> {
        read_endpoint(&endpoint(origin), config, None)?.resolve(REGISTRY)
    }

    fn read(origin: &str, config: Value) -> Option<String> {
        resolved(origin, config).map(|resolved| resolved.origin)
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
    fn only_the_user_chooses_plain_http() {
        for (config, expected) in [
            (json!({"https": false}), "http://r.example.com:8443"),
            (json!({"https": true}), "https://r.example.com:8443"),
            (json!({"other": false}), "https://r.example.com:8443"),
        ] {
            assert_eq!(read("https://{registry}", config).as_deref(), Some(expected));
        }
        assert_eq!(read("registry", json!({"https": false})).as_deref(), Some("registry"));
        let plain = |origin: &str, config: Value, given: Option<&str>| {
            let origin = read_endpoint(&endpoint(origin), config, given).expect("an origin");
            origin.plain_http().map(|host| host.map(str::to_owned))
        };
        assert_eq!(plain("https://{registry}", json!({}), None), None);
        assert_eq!(plain("https://{registry}", json!({"https": false}), None), Some(None));
        let given = Some("http://api.example.com:80");
        let host = Some(Some("api.example.com:80".to_owned()));
        assert_eq!(plain("https://{registry}", json!({}), given), host);
        assert_eq!(plain("config:k", json!({"k": "http://api.example.com:80"}), None), host);
    }

    #[test]
    fn the_origin_says_whether_it_is_the_registry_s_host_and_who_chose_it() {
        let look = |origin: &str, config: Value| {
            let resolved = resolved(origin, config).expect("an origin");
            (resolved.is_own, resolved.is_given)
        };
        assert_eq!(look("registry", json!({})), (true, false));
        assert_eq!(look("https://{registry}", json!({})), (true, false));
        assert_eq!(look("https://api.{registry}", json!({})), (false, false));
        assert_eq!(look("https://api.example.com", json!({})), (false, false));
        assert_eq!(look("config:k", json!({"k": "https://api.example.com"})), (false, true));
        assert_eq!(look("config:k", json!({"k": format!("https://{REGISTRY}")})), (true, true));
        let given = read_endpoint(&endpoint("registry"), json!({}), Some("https://a.example.com"));
        let given = given.and_then(|origin| origin.resolve(REGISTRY)).expect("an origin");
        assert_eq!((given.origin.as_str(), given.is_given), ("https://a.example.com", true));
    }

    #[test]
    fn the_registry_s_host_chooses_among_templates() {
        let template = |registry: &str, origin: &str| OriginTemplate {
            registry: registry.to_owned(),
            origin: origin.to_owned(),
        };
        let templates = vec![
            template(
                "{account}.dkr.ecr.{region}.amazonaws.com",
                "https://api.ecr.{region}.amazonaws.com",
            ),
            template("{account}.dkr-ecr.{region}.on.aws", "https://ecr.{region}.api.aws"),
        ];
        let ecr = Endpoint { templates, ..endpoint("config:api") };
        let origin = read_endpoint(&ecr, json!({}), None).expect("an origin");
        for (registry, expected, region) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "https://api.ecr.eu-west-1.amazonaws.com",
                "eu-west-1",
            ),
            (
                "210987654321.dkr.ecr.us-east-2.amazonaws.com",
                "https://api.ecr.us-east-2.amazonaws.com",
                "us-east-2",
            ),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "https://ecr.eu-west-1.api.aws", "eu-west-1"),
        ] {
            let resolved = origin.resolve(registry).expect("a pattern fits");
            assert_eq!(resolved.origin, expected);
            assert_eq!(resolved.region.as_deref(), Some(region));
        }
        for registry in [
            "r.example.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "evil.example/123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "1.2.dkr.ecr.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(origin.resolve(registry), None, "{registry}");
        }
        let given = read_endpoint(&ecr, json!({"api": "https://vpce.example.com"}), None);
        let given = given.and_then(|origin| origin.resolve("r.example.com"));
        assert_eq!(given.expect("the user's").origin, "https://vpce.example.com");
    }

    #[test]
    fn other_texts_are_not_origins() {
        for origin in [
            "http://{registry}",
            "https://evil.example.com/{registry}",
            "https://{registry}@evil.example.com",
            "https://{registry}/path",
            "https://{other}",
            "https://",
            "ftp://{registry}",
            "{registry}",
        ] {
            assert_eq!(read(origin, json!({})), None, "{origin} passed");
        }
        let config = json!({"api": "https://user@api.example.com"});
        assert_eq!(read("config:api", config), None);
        assert_eq!(read_endpoint(&endpoint("registry"), json!({}), Some("api.example.com")), None);
    }
}
