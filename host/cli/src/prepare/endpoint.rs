//! Sends the requests of plugins, each with the credential of its endpoint.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use longshore_oci::Registry;

use super::endpoint_credential::{CredentialQuestion, FoundCredential, credential_of};
use crate::settings::{EndpointSettings, plugin_flag};
use crate::setup::variable;
use longshore_plugin_host::{
    Auth, Endpoint, EndpointTransport, IncomingResponse, OutgoingRequest, TransportError,
};
use longshore_registry::{
    AwsSources, Cause, Client, EndpointAuth, EndpointCredential, EndpointRequest, EndpointScheme,
    Registries,
};

/// The registries of a run, and the settings of the endpoints of one plugin.
#[derive(Debug)]
pub(crate) struct RegistryEndpoints {
    registries: Registries,
    /// The name that configures the plugin, for messages.
    plugin: String,
    settings: HashMap<String, EndpointSettings>,
    /// Whether the plugin is built in, so that it may use the usual variables, files and roles of AWS.
    built_in: bool,
    aws: AwsSources,
    /// The account of the last request for each registry.
    accounts: Mutex<HashMap<String, String>>,
}

impl RegistryEndpoints {
    /// Creates the transport of the plugin that `plugin` configures.
    pub(crate) fn new(
        registries: Registries,
        plugin: String,
        settings: HashMap<String, EndpointSettings>,
        built_in: bool,
    ) -> Self {
        let folders = directories::BaseDirs::new();
        let home = folders.map(|folders| folders.home_dir().to_owned());
        let aws = AwsSources::new(variable, home);
        Self { registries, plugin, settings, built_in, aws, accounts: Mutex::default() }
    }

    /// Describes whose credential the last request for a registry had.
    pub(super) fn account(&self, registry: &Registry) -> Option<String> {
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.get(registry.as_str()).cloned()
    }

    fn set_account(&self, registry: &str, auth: &EndpointAuth) {
        let account = match auth {
            EndpointAuth::None => return,
            EndpointAuth::Registry => "the login for the registry".to_owned(),
            EndpointAuth::Own { credential, owner } => match credential {
                EndpointCredential::Basic { username, .. } => {
                    format!("user {username} of {owner}")
                }
                EndpointCredential::Bearer(_) => format!("the token of {owner}"),
                EndpointCredential::Aws { keys, .. } => {
                    format!("the key {} of {owner}", keys.access_key_id)
                }
            },
        };
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(registry.to_owned(), account);
    }

    /// Returns whether the user gave the endpoint a credential for `registry`.
    ///
    /// # Errors
    /// Returns why the credential cannot be used.
    pub(super) async fn has_credential(
        &self,
        endpoint: &Endpoint,
        registry: &Registry,
    ) -> Result<bool, String> {
        let own = self.own(endpoint, registry.as_str());
        match endpoint.auth {
            Auth::None => return Ok(true),
            Auth::Registry if own.is_none() => return Ok(true),
            _ if own
                .is_some_and(|own| own.credential(registry.as_str()).plain("helper").is_some()) =>
            {
                return Ok(true);
            }
            _ => {}
        }
        // The region does not matter yet.
        let found = self.credential(endpoint, registry.as_str(), registry, Some("any")).await;
        Ok(found?.is_some())
    }

    fn own(&self, endpoint: &Endpoint, registry: &str) -> Option<&EndpointSettings> {
        let settings = self.settings.get(&endpoint.name);
        settings.filter(|settings| !settings.credential(registry).is_empty())
    }

    async fn credential(
        &self,
        endpoint: &Endpoint,
        registry: &str,
        host: &Registry,
        region: Option<&str>,
    ) -> Result<Option<FoundCredential>, String> {
        let question = CredentialQuestion {
            auth: &endpoint.auth,
            settings: self.settings.get(&endpoint.name).map(|known| known.credential(registry)),
            registries: &self.registries,
            aws: &self.aws,
            host,
            region,
            built_in: self.built_in,
        };
        credential_of(&question).await
    }

    /// Returns how a request to `host` authenticates.
    async fn auth(
        &self,
        request: &OutgoingRequest,
        host: &Registry,
    ) -> Result<EndpointAuth, TransportError> {
        let endpoint = &request.endpoint;
        let table = format!("[plugins.{}.endpoints.{}]", self.plugin, endpoint.name);
        match endpoint.auth {
            Auth::None => return Ok(EndpointAuth::None),
            Auth::Registry if self.own(endpoint, &request.registry).is_none() => {
                if host.as_str() == request.registry {
                    return Ok(EndpointAuth::Registry);
                }
                return Err(TransportError::Denied(format!(
                    "endpoint {} is at {}, and the registry's credential is not sent there; give the \
                     endpoint its own in {table}",
                    endpoint.name, request.origin
                )));
            }
            _ => {}
        }
        let found = self
            .credential(endpoint, &request.registry, host, request.region.as_deref())
            .await
            .map_err(|why| TransportError::Denied(format!("use {table}: {why}")))?;
        match found {
            Some((credential, source)) => {
                let source = source.unwrap_or(&table);
                let owner =
                    format!("endpoint {} of {} (from {source})", endpoint.name, self.plugin);
                Ok(EndpointAuth::Own { credential, owner })
            }
            None => Err(TransportError::Denied(format!(
                "endpoint {} has no credential: {}",
                endpoint.name,
                wanted(&endpoint.auth, &table, self.built_in)
            ))),
        }
    }

    async fn exchange(&self, request: OutgoingRequest) -> Result<IncomingResponse, TransportError> {
        let (client, scheme) = self.place(&request)?;
        let auth = self.auth(&request, client.registry()).await?;
        self.set_account(&request.registry, &auth);
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
            auth,
            brings_credential: request.is_exchange,
        };
        // What to set if the host does not speak HTTPS.
        let https_key = request.endpoint.https_key.as_deref();
        let advice = https_key.map_or_else(String::new, |key| {
            format!(" ({}=false uses plain HTTP)", plugin_flag(&self.plugin, key))
        });
        let response =
            client.send_endpoint(outgoing).await.map_err(|error| match *error.cause {
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
            })?;
        Ok(IncomingResponse {
            status: response.status,
            headers: response.headers,
            body: response.body.to_vec(),
        })
    }

    /// Returns the client of the host that a request goes to, and the scheme.
    fn place(
        &self,
        request: &OutgoingRequest,
    ) -> Result<(Arc<Client>, EndpointScheme), TransportError> {
        let (scheme, host) = match request.origin.split_once("://") {
            None => (EndpointScheme::Registry, request.registry.as_str()),
            Some(("https", host)) => (EndpointScheme::Https, host),
            // The session has checked that the user accepts it for this host.
            Some(("http", host)) => (EndpointScheme::Http, host),
            Some(_) => {
                let text = format!("{} is not an origin", request.origin);
                return Err(TransportError::Denied(text));
            }
        };
        let host: Registry = host
            .parse()
            .map_err(|error| TransportError::Denied(format!("{host:?} is not a host: {error}")))?;
        Ok((self.registries.client(&host), scheme))
    }
}

/// Says which settings an authentication wants.
fn wanted(auth: &Auth, table: &str, built_in: bool) -> String {
    match auth {
        Auth::Bearer => format!("set token or token-env in {table}"),
        Auth::Sigv4 { .. } if built_in => format!(
            "set access-key-id and secret-access-key, or profile, in {table}, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; there is no profile or role of AWS either"
        ),
        Auth::Sigv4 { .. } => {
            format!("set access-key-id and secret-access-key, or profile, in {table}")
        }
        Auth::Registry | Auth::None | Auth::Basic => {
            format!("set username and password, or password-env, in {table}")
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
