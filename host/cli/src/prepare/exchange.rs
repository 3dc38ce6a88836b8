//! Gives registries the credentials that the exchange of a repository type fetches.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_oci::Registry;
use longshore_plugin_host::{Ends, Exchanged, Plugin};
use longshore_registry::{Client, Credential, CredentialExchange, ExchangedCredential, Secret};

use super::endpoint::RegistryEndpoints;
use super::{LONGEST_WAIT, TRIES, WAIT};

/// The exchange of a plugin.
struct PluginExchange(Plugin);

impl fmt::Debug for PluginExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PluginExchange").field(&self.0.name()).finish()
    }
}

impl CredentialExchange for PluginExchange {
    fn fetch<'a>(
        &'a self,
        registry: &'a Registry,
    ) -> BoxFuture<'a, Result<ExchangedCredential, String>> {
        async {
            let mut tries = 1;
            loop {
                let failed = match self.0.exchange(registry.as_str()).await {
                    Ok(exchanged) => return Ok(converted(exchanged)),
                    Err(failed) => failed,
                };
                if !failed.is_transient || tries == TRIES {
                    return Err(failed.error.to_string());
                }
                let wait = failed.retry_after.unwrap_or(WAIT).min(LONGEST_WAIT);
                tokio::time::sleep(wait).await;
                tries += 1;
            }
        }
        .boxed()
    }
}

fn converted(exchanged: Exchanged) -> ExchangedCredential {
    let Exchanged { username, secret, ends } = exchanged;
    let secret = Secret::new(secret);
    let ends = ends.and_then(|ends| match ends {
        Ends::At(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        Ends::In(seconds) => SystemTime::now().checked_add(Duration::from_secs(seconds)),
    });
    let credential = match username {
        Some(username) => Credential::Basic { username, password: secret },
        None => Credential::RegistryToken(secret),
    };
    ExchangedCredential { credential, ends }
}

/// Lets `client` use the exchange of `plugin`, if it declares one and its endpoint has a credential for
/// the registry. Otherwise the registry keeps the credential that the user has for it.
///
/// # Errors
/// Returns why the credential of the endpoint cannot be used.
pub(crate) async fn use_exchange(
    plugin: &Plugin,
    endpoints: &RegistryEndpoints,
    client: &Client,
) -> Result<(), String> {
    let Some(endpoint) = plugin.exchange_endpoint() else { return Ok(()) };
    if endpoints.has_credential(endpoint, client.registry()).await? {
        client.use_exchange(Arc::new(PluginExchange(plugin.clone())));
    }
    Ok(())
}
