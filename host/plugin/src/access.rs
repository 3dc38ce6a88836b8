//! What of the network a plugin has: its endpoints, its grants, and who sends.

use std::sync::Arc;

use longshore_plugin_pack::{Endpoint, Metadata};

use super::endpoint::{EndpointTransport, registry_endpoint};
use super::error::LoadProblem;
use super::grant::Grant;
use super::origin::Origin;

/// The same for all calls of a plugin.
pub(super) struct Access {
    pub(super) endpoints: Vec<(Endpoint, Origin)>,
    pub(super) grants: Vec<Grant>,
    pub(super) transport: Option<Arc<dyn EndpointTransport>>,
}

impl Access {
    /// Reads endpoints and grants; `config` answers for origins that the user configured.
    pub(super) fn read(
        metadata: Option<&Metadata>,
        grants: &[String],
        config: &serde_json::Map<String, serde_json::Value>,
        transport: Option<Arc<dyn EndpointTransport>>,
    ) -> Result<Self, LoadProblem> {
        let registry = registry_endpoint();
        let declared = metadata.map_or(&[][..], |metadata| &metadata.endpoints);
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
}
