//! The endpoints and grants of a plugin, and the transport that sends its requests.

use std::collections::HashMap;
use std::sync::Arc;

use longshore_plugin_pack::{Endpoint, Exchange, Metadata};

use super::grant::{Grant, Wanted};
use super::origin::{Origin, Resolved};
use super::transport::{EndpointTransport, registry_endpoint};
use crate::error::LoadProblem;
use crate::escape::shown;

/// What the user decides about the network of a plugin.
pub(crate) struct Decisions<'a> {
    /// The grants: the user's, or those that a built-in plugin wants.
    pub(crate) grants: &'a [String],
    /// The configuration, with origins and the keys of plain HTTP.
    pub(crate) config: &'a serde_json::Map<String, serde_json::Value>,
    /// The origins that the settings give to endpoints, by name.
    pub(crate) origins: &'a HashMap<String, String>,
    /// Whether the plugin is built in, so that the templates in its metadata need no consent.
    pub(crate) built_in: bool,
}

/// What a plugin may reach over the network, in all its calls.
pub(crate) struct Permissions {
    /// The name of the plugin's settings.
    plugin: String,
    pub(crate) endpoints: Vec<(Endpoint, Origin)>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) transport: Option<Arc<dyn EndpointTransport>>,
    pub(crate) built_in: bool,
}

impl Permissions {
    /// Reads endpoints and grants.
    pub(crate) fn read(
        metadata: Option<&Metadata>,
        decisions: &Decisions<'_>,
        transport: Option<Arc<dyn EndpointTransport>>,
    ) -> Result<Self, LoadProblem> {
        let registry = registry_endpoint();
        let declared = metadata.map_or(&[][..], |metadata| &metadata.endpoints);
        let others = declared.iter().filter(|other| other.name != registry.name);
        let endpoints = std::iter::once(&registry)
            .chain(others)
            .map(|endpoint| {
                let origin = Origin::read(endpoint, decisions.config, decisions.origins)?;
                Ok((endpoint.clone(), origin))
            })
            .collect::<Result<Vec<_>, LoadProblem>>()?;
        let names = || endpoints.iter().map(|(endpoint, _)| endpoint.name.as_str());
        let unknown = decisions.origins.keys().find(|given| !names().any(|name| name == *given));
        if let Some(unknown) = unknown {
            let known = names().map(shown).collect::<Vec<_>>().join(", ");
            return Err(LoadProblem::UnknownEndpoint { endpoint: shown(unknown), known });
        }
        let grants = decisions
            .grants
            .iter()
            .map(|grant| Grant::for_endpoints(grant, names()))
            .collect::<Result<Vec<_>, _>>()?;
        let exchange = metadata.and_then(|metadata| metadata.exchange.clone());
        let plugin = metadata.map_or_else(|| "NAME".to_owned(), |known| shown(&known.name));
        Ok(Self { plugin, endpoints, grants, exchange, transport, built_in: decisions.built_in })
    }

    /// Returns the endpoint with this name, and its origin.
    pub(crate) fn endpoint(&self, name: &str) -> Option<&(Endpoint, Origin)> {
        self.endpoints.iter().find(|(endpoint, _)| endpoint.name == name)
    }

    /// Returns the origin of an endpoint for a registry, or why the plugin may not reach it.
    pub(crate) fn resolve(
        &self,
        endpoint: &Endpoint,
        origin: &Origin,
        registry: &str,
    ) -> Result<Resolved, String> {
        let (name, plugin) = (shown(&endpoint.name), &self.plugin);
        let Some(resolved) = origin.resolve(registry) else {
            return Err(format!(
                "endpoint `{name}` has no address for the registry {registry}; set `origin` in its \
                 settings [plugins.{plugin}.endpoints.{name}]"
            ));
        };
        if !resolved.is_own && !resolved.is_given && !self.built_in {
            return Err(format!(
                "endpoint `{name}` leads to {}, which is not the registry's host; allow it with `origin` \
                 in its settings [plugins.{plugin}.endpoints.{name}]",
                shown(&resolved.origin)
            ));
        }
        Ok(resolved)
    }

    /// Checks that a grant covers a request. A dry run also needs a method or a grant that changes nothing.
    pub(crate) fn grant(&self, wanted: &Wanted<'_>, dry_run: bool) -> Result<(), NotGranted> {
        let mut covering = self.grants.iter().filter(|grant| grant.covers(wanted)).peekable();
        if covering.peek().is_none() {
            return Err(NotGranted::Ever);
        }
        let is_safe = wanted.method.is_safe();
        if !dry_run || is_safe || covering.any(Grant::holds_in_dry_run) {
            Ok(())
        } else {
            Err(NotGranted::InDryRun)
        }
    }

    /// Returns each setting that makes an endpoint use plain HTTP, with the host of the endpoint if it is
    /// not the registry's own.
    pub(crate) fn plain_http(&self) -> Vec<PlainHttp> {
        let plain = |(endpoint, origin): &(Endpoint, Origin)| {
            let host = origin.plain_http()?.map(str::to_owned);
            let configured = endpoint.origin.strip_prefix("config:");
            let setting = match (&host, configured, &endpoint.https_key) {
                (None, _, Some(key)) => {
                    PlainSetting::Key { key: key.clone(), value: "false".into() }
                }
                (Some(host), Some(key), _) => {
                    PlainSetting::Key { key: key.to_owned(), value: format!("http://{host}") }
                }
                _ => PlainSetting::Origin { endpoint: endpoint.name.clone() },
            };
            Some(PlainHttp { setting, host })
        };
        self.endpoints.iter().filter_map(plain).collect()
    }
}

/// Why no grant covers a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotGranted {
    /// There is no such grant.
    Ever,
    /// The request would change something, and this is a dry run.
    InDryRun,
}

/// An endpoint that uses plain HTTP because the user said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainHttp {
    /// What the user said.
    pub setting: PlainSetting,
    /// `HOST[:PORT]` of the endpoint; `None` is the registry's own host.
    pub host: Option<String>,
}

/// The setting that makes an endpoint use plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlainSetting {
    /// A key of the plugin's configuration.
    Key {
        /// The key.
        key: String,
        /// Its value.
        value: String,
    },
    /// The origin in the settings of an endpoint.
    Origin {
        /// The endpoint's name.
        endpoint: String,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::{Decisions, Permissions};
    use crate::error::LoadProblem;

    fn read(
        endpoint: serde_json::Value,
        given: &[(&str, &str)],
        built_in: bool,
    ) -> Result<Permissions, LoadProblem> {
        let metadata = json!({
            "name": "p", "version": "1.0.0", "kind": "repo-type", "endpoints": [endpoint],
        });
        let metadata = serde_json::from_value(metadata).expect("metadata");
        let owned = |&(name, origin): &(&str, &str)| (name.to_owned(), origin.to_owned());
        let origins: HashMap<String, String> = given.iter().map(owned).collect();
        let config = serde_json::Map::new();
        let decisions = Decisions { grants: &[], config: &config, origins: &origins, built_in };
        Permissions::read(Some(&metadata), &decisions, None)
    }

    fn reached(permissions: &Permissions) -> Result<String, String> {
        let (endpoint, origin) = permissions.endpoint("api").expect("it is declared");
        permissions.resolve(endpoint, origin, "r.example").map(|resolved| resolved.origin)
    }

    #[test]
    fn every_authentication_is_known() {
        for auth in ["registry", "none", "basic", "bearer", "sigv4:ecr"] {
            let endpoint = json!({"name": "api", "origin": "registry", "auth": auth});
            let permissions = read(endpoint, &[], false).expect("is supported");
            let names: Vec<&str> =
                permissions.endpoints.iter().map(|(endpoint, _)| endpoint.name.as_str()).collect();
            assert_eq!(names, ["registry", "api"]);
        }
    }

    #[test]
    fn a_component_leads_nowhere_without_the_user() {
        let at = |origin: &str| json!({"name": "api", "origin": origin, "auth": "bearer"});
        let given = [("api", "https://api.example.com")];
        for origin in ["https://api.{registry}", "https://api.example.com"] {
            let why = reached(&read(at(origin), &[], false).expect("it loads"));
            let why = why.expect_err("it leads away");
            assert!(why.contains("leads to https://api.") && why.contains("`origin`"), "{why}");
            assert!(why.ends_with("in its settings [plugins.p.endpoints.api]"), "{why}");
            let allowed = read(at(origin), &given, false).expect("it loads");
            assert_eq!(reached(&allowed).as_deref(), Ok("https://api.example.com"));
            reached(&read(at(origin), &[], true).expect("it loads")).expect("it is built in");
        }
        let own = read(at("https://{registry}"), &[], false).expect("it loads");
        assert_eq!(reached(&own).as_deref(), Ok("https://r.example"));
        let of_other_hosts = json!({
            "name": "api", "origin": "config:api", "auth": "bearer",
            "templates": [{"registry": "{name}.other.example", "origin": "https://api.other.example"}],
        });
        for built_in in [true, false] {
            let nowhere = reached(&read(of_other_hosts.clone(), &[], built_in).expect("it loads"));
            let why = nowhere.expect_err("no template fits the registry");
            assert!(why.contains("has no address for the registry r.example"), "{why}");
            assert!(why.ends_with("in its settings [plugins.p.endpoints.api]"), "{why}");
        }
    }

    #[test]
    fn origins_of_unknown_endpoints_are_refused() {
        let endpoint = json!({"name": "api", "origin": "registry", "auth": "none"});
        let error = read(endpoint, &[("apo", "https://a.example.com")], false).err();
        let error = error.expect("it is misspelt").to_string();
        assert!(error.contains("`apo`") && error.contains("registry, api"), "{error}");
    }
}
