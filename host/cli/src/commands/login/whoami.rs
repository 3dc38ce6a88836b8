//! Runs `longshore whoami`.

use std::fmt::Write as _;

use longshore_oci::{Registry, Repository, StoreName};
use longshore_registry::{
    Client, Credential, Credentials, LoginAnswer, RegistryError, variable_of,
};

use crate::error::{Exit, Fatal};
use crate::flags::{Account, WhoAmI};
use crate::report::{self, Log};
use crate::setup::{RegistrySettings, StoreSetup, credential_sources, destination_of_environment};

/// Shows the credential for a registry, what it may do, and the settings file in use.
pub(crate) async fn run(
    flags: WhoAmI,
    tls_verify: bool,
    settings_file: &str,
    log: &Log,
) -> Result<Exit, Fatal> {
    let (registry, repository) = match flags.account {
        Account::Registry(registry) => (registry, None),
        Account::Repository(name) => {
            match name.store.as_ref().and_then(StoreName::registry).cloned() {
                Some(registry) => (registry, Some(name.repository)),
                None => return Ok(Exit::Usage),
            }
        }
    };
    let mut sources = credential_sources()?;
    // DOCKER_REGISTRY says whose credential the environment has. Without it, -d would.
    let bound = destination_of_environment().unwrap_or_else(|| registry.clone());
    sources.bind_environment(bound.clone());
    let found = Credentials::new(sources).locate(&registry, repository.as_ref()).await?;
    let mut text = match &found {
        Some((credential, origin)) => {
            format!("{registry}: {}, from {origin}\n", described(credential))
        }
        None => format!(
            "{registry}: no credential, so anonymous; longshore login {registry} or {} gives one\n",
            variable_of(&registry)
        ),
    };
    let settings = RegistrySettings { tls_verify, ..RegistrySettings::default() };
    let stores = StoreSetup::of_environment(settings, None)?.stores(Some(&bound))?;
    let client = stores.registries.client(&registry);
    let mut all_well = true;
    if let Some((credential, _)) = &found {
        all_well &= login(&client, credential, &mut text, log).await;
    }
    if let Some(repository) = repository.filter(|_| all_well) {
        all_well &= access(&client, &registry, &repository, &mut text, log).await;
    }
    _ = writeln!(text, "settings file: {}", report::escape(settings_file));
    report::print(&text)?;
    Ok(if all_well { Exit::Done } else { Exit::SomeFailed })
}

/// Names the account of a credential, without its secret.
fn described(credential: &Credential) -> String {
    match credential {
        Credential::Basic { username, .. } if username.is_empty() => {
            "a password without a user name".to_owned()
        }
        Credential::Basic { username, .. } => format!("user {}", report::escape(username)),
        Credential::IdentityToken(_) => "an identity token".to_owned(),
        Credential::RegistryToken(_) => "a registry token".to_owned(),
    }
}

/// Checks the login. Returns false if it is refused.
async fn login(client: &Client, credential: &Credential, text: &mut String, log: &Log) -> bool {
    let line = match client.check_login(credential).await {
        Ok(LoginAnswer::Accepted) => "accepted".to_owned(),
        Ok(LoginAnswer::NotAsked) => "not asked for, so not checked".to_owned(),
        Ok(LoginAnswer::Refused(why)) => {
            _ = writeln!(text, "login: refused: {}", report::escape(&why));
            return false;
        }
        Err(error) => {
            failure(&error, log);
            return false;
        }
    };
    _ = writeln!(text, "login: {line}");
    true
}

/// Tries a pull and a push. Returns false if one is refused.
async fn access(
    client: &Client,
    registry: &Registry,
    repository: &Repository,
    text: &mut String,
    log: &Log,
) -> bool {
    let mut all_well = true;
    for (verb, tried) in [
        ("pull", client.check_pull(repository).await),
        ("push", client.check_push(repository).await),
    ] {
        let answer = match &tried {
            Ok(()) => "allowed",
            Err(error) if error.cause.status() == Some(404) => "no such repository",
            Err(_) => "refused",
        };
        _ = writeln!(text, "{verb} {registry}/{repository}: {answer}");
        if let Err(error) = tried {
            all_well = false;
            failure(&error, log);
        }
    }
    all_well
}

fn failure(error: &RegistryError, log: &Log) {
    log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
}
