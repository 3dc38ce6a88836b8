//! The endpoints and grants of a plugin, and the transport that sends its requests.

use std::sync::Arc;

use longshore_plugin_pack::{Auth, Endpoint, Metadata};

use super::grant::Grant;
use super::origin::Origin;
use super::transport::{EndpointTransport, registry_endpoint};
use crate::error::LoadProblem;

/// What a plugin may reach over the network, in all its calls.
pub(crate) struct Permissions {
    pub(crate) endpoints: Vec<(Endpoint, Origin)>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) transport: Option<Arc<dyn EndpointTransport>>,
}

impl Permissions {
    /// Reads endpoints and grants; `config` holds the origins that the user configured.
    pub(crate) fn read(
        metadata: Option<&Metadata>,
        grants: &[String],
        config: &serde_json::Map<String, serde_json::Value>,
        transport: Option<Arc<dyn EndpointTransport>>,
    ) -> Result<Self, LoadProblem> {
        let registry = registry_endpoint();
        let declared = metadata.map_or(&[][..], |metadata| &metadata.endpoints);
        declared.iter().try_for_each(check_auth)?;
        let others = declared.iter().filter(|other| other.name != registry.name);
        let endpoints = std::iter::once(&registry)
            .chain(others)
            .map(|endpoint| Ok((endpoint.clone(), Origin::read(endpoint, config)?)))
            .collect::<Result<Vec<_>, LoadProblem>>()?;
        let names = || endpoints.iter().map(|(endpoint, _)| endpoint.name.as_str());
        let grants = grants
            .iter()
            .map(|grant| Grant::for_endpoints(grant, names()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { endpoints, grants, transport })
    }

    /// Returns key and value of the configuration that makes an endpoint use plain HTTP.
    pub(crate) fn plain_http(&self) -> Option<(&str, String)> {
        let (endpoint, origin) =
            self.endpoints.iter().find(|(_, origin)| origin.is_plain_http())?;
        match (&endpoint.https_key, endpoint.origin.strip_prefix("config:")) {
            (_, Some(key)) => Some((key, origin.resolve(""))),
            (Some(key), None) => Some((key, false.to_string())),
            (None, None) => None,
        }
    }
}

/// Fails if the endpoint needs a credential that no transport attaches. Its requests would fail in the
/// middle of a run.
fn check_auth(endpoint: &Endpoint) -> Result<(), LoadProblem> {
    match endpoint.auth {
        Auth::Registry | Auth::None => Ok(()),
        Auth::Basic | Auth::Bearer | Auth::Sigv4 { .. } => Err(LoadProblem::Auth {
            endpoint: endpoint.name.clone(),
            auth: endpoint.auth.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Permissions;
    use crate::error::LoadProblem;

    fn read(auth: &str) -> Result<Permissions, LoadProblem> {
        let metadata = json!({
            "name": "p", "version": "1.0.0", "kind": "repo-type",
            "endpoints": [{"name": "api", "origin": "registry", "auth": auth}],
        });
        let metadata = serde_json::from_value(metadata).expect("metadata");
        Permissions::read(Some(&metadata), &[], &serde_json::Map::new(), None)
    }

    #[test]
    fn only_the_credential_of_the_registry_can_be_used() {
        let permissions = read("registry").expect("is supported");
        let names: Vec<&str> =
            permissions.endpoints.iter().map(|(endpoint, _)| endpoint.name.as_str()).collect();
        assert_eq!(names, ["registry", "api"]);
        read("none").expect("is supported");
        for auth in ["basic", "bearer", "sigv4:ecr"] {
            let error = read(auth).err().unwrap_or_else(|| panic!("{auth} passed"));
            assert_eq!(
                error.to_string(),
                format!(
                    "endpoint `api` needs the authentication `{auth}`, which is not supported yet"
                )
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("registry")), "no hint");
        }
    }
}
