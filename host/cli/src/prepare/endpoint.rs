//! Sends the requests of plugins to the registry's own host, with its credential.

use std::pin::Pin;

use bytes::Bytes;

use longshore_plugin_host::{EndpointTransport, IncomingResponse, OutgoingRequest, TransportError};
use longshore_registry::{Cause, EndpointRequest, EndpointScheme, Registries};

/// The registries of a run, as the only origins of plugins' requests.
#[derive(Debug)]
pub(crate) struct RegistryEndpoints {
    registries: Registries,
    /// True for HTTPS to endpoints on the registry's host, false for plain HTTP (`--harbor-https`).
    https: bool,
}

impl RegistryEndpoints {
    /// Creates endpoints on the hosts of `registries`.
    pub(crate) const fn new(registries: Registries, https: bool) -> Self {
        Self { registries, https }
    }

    async fn exchange(&self, request: OutgoingRequest) -> Result<IncomingResponse, TransportError> {
        let registry = request.registry.parse().map_err(|error| {
            TransportError::Denied(format!("{:?} is not a registry: {error}", request.registry))
        })?;
        let scheme = self.scheme(&request)?;
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
        };
        let response = self.registries.client(&registry).send_endpoint(outgoing).await.map_err(
            |error| match *error.cause {
                Cause::TooLarge { .. } => TransportError::TooLarge,
                Cause::Unreachable { host, why } if scheme == EndpointScheme::Https => {
                    TransportError::Unreachable(format!(
                        "cannot reach {host} by HTTPS: {why} (--harbor-https=false uses plain HTTP)"
                    ))
                }
                cause => TransportError::Unreachable(cause.to_string()),
            },
        )?;
        Ok(IncomingResponse {
            status: response.status,
            headers: response.headers,
            body: response.body.to_vec(),
        })
    }

    /// Returns the scheme of a request. Refuses origins on other hosts.
    fn scheme(&self, request: &OutgoingRequest) -> Result<EndpointScheme, TransportError> {
        if request.origin == "registry" {
            return Ok(EndpointScheme::Registry);
        }
        match request.origin.split_once("://") {
            Some(("https", host)) if host == request.registry => {
                Ok(if self.https { EndpointScheme::Https } else { EndpointScheme::Http })
            }
            _ => Err(TransportError::Denied(format!(
                "endpoint {} is at {}, but plugins reach only the registry's own host",
                request.endpoint.name, request.origin
            ))),
        }
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
