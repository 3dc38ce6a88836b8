//! Sends the requests of plugins to the registry's own host, with its credential.

use std::pin::Pin;

use bytes::Bytes;

use crate::settings::plugin_flag;
use longshore_plugin_host::{
    Auth, EndpointTransport, IncomingResponse, OutgoingRequest, TransportError,
};
use longshore_registry::{Cause, EndpointRequest, EndpointScheme, Registries};

/// The registries of a run, as the only origins of plugins' requests.
#[derive(Debug)]
pub(crate) struct RegistryEndpoints {
    registries: Registries,
    /// The name that configures the plugin, for messages.
    plugin: String,
}

impl RegistryEndpoints {
    /// Creates endpoints on the hosts of `registries`.
    pub(crate) const fn new(registries: Registries, plugin: String) -> Self {
        Self { registries, plugin }
    }

    async fn exchange(&self, request: OutgoingRequest) -> Result<IncomingResponse, TransportError> {
        let registry = request.registry.parse().map_err(|error| {
            TransportError::Denied(format!("{:?} is not a registry: {error}", request.registry))
        })?;
        let scheme = scheme_of(&request)?;
        let query = if request.escaped_query.is_empty() {
            String::new()
        } else {
            format!("?{}", request.escaped_query)
        };
        let outgoing = EndpointRequest {
            scheme,
            method: request.method.as_str(),
            path_and_query: format!("{}{query}", request.escaped_path),
            headers: request.headers,
            body: request.body.map(Bytes::from),
            body_limit: request.max_body as u64,
            authenticates: request.endpoint.auth != Auth::None,
        };
        // What to set if the host does not speak HTTPS.
        let https_key = request.endpoint.https_key.as_deref();
        let advice = https_key.map_or_else(String::new, |key| {
            format!(" ({}=false uses plain HTTP)", plugin_flag(&self.plugin, key))
        });
        let response =
            self.registries.client(&registry).send_endpoint(outgoing).await.map_err(|error| {
                match *error.cause {
                    Cause::TooLarge { .. } => TransportError::TooLarge,
                    // It would count as another failed login.
                    cause @ (Cause::CredentialRefused(_) | Cause::LoginLimited(_)) => {
                        TransportError::Denied(cause.to_string())
                    }
                    Cause::Unreachable { host, why } if scheme == EndpointScheme::Https => {
                        TransportError::Unreachable(format!(
                            "cannot reach {host} by HTTPS: {why}{advice}"
                        ))
                    }
                    cause => TransportError::Unreachable(cause.to_string()),
                }
            })?;
        Ok(IncomingResponse {
            status: response.status,
            headers: response.headers,
            body: response.body.to_vec(),
        })
    }
}

impl EndpointTransport for RegistryEndpoints {
    fn send<'a>(
        &'a self,
        request: OutgoingRequest,
    ) -> Pin<Box<dyn Future<Output = Result<IncomingResponse, TransportError>> + Send + 'a>> {
        Box::pin(self.exchange(request))
    }
}

/// Returns the scheme of a request's origin, which must be on the registry's own host.
fn scheme_of(request: &OutgoingRequest) -> Result<EndpointScheme, TransportError> {
    if request.origin == "registry" {
        return Ok(EndpointScheme::Registry);
    }
    match request.origin.split_once("://") {
        Some(("https", host)) if host == request.registry => Ok(EndpointScheme::Https),
        // The session has checked that the user accepts it for this registry.
        Some(("http", host)) if host == request.registry => Ok(EndpointScheme::Http),
        _ => Err(TransportError::Denied(format!(
            "endpoint {} is at {}, and only the registry's own host can be reached",
            request.endpoint.name, request.origin
        ))),
    }
}
