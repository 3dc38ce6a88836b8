//! Runs `longshore whoami`.

use std::fmt::Write as _;

use longshore_engine::plan::parse_store_flag;
use longshore_oci::{Registry, Repository, StoreName};
use longshore_registry::{
    Cause, Client, Credential, Credentials, InsecureRegistries, LoginAnswer, RegistryError,
    variable_of,
};

use crate::error::{Exit, Fatal};
use crate::flags::{Account, WhoAmI};
use crate::report::{self, Log};
use crate::setup::{
    RegistrySettings, StoreSetup, check_named_file, credential_sources, destination_of_environment,
};

/// Shows the credential for a registry, what it may do, and the settings file in use.
pub(crate) async fn run(
    flags: WhoAmI,
    insecure: &InsecureRegistries,
    settings: UsedSettings<'_>,
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
    check_named_file(&sources)?;
    // As in a run: the credential of the environment is for the destination only.
    let of_file = settings.destination.and_then(|text| parse_store_flag("destination", text).ok());
    let bound = destination_of_environment().or_else(|| of_file?.registry().cloned());
    let idle = sources.environment.is_some() && bound.as_ref() != Some(&registry);
    if let Some(bound) = &bound {
        sources.bind_environment(bound.clone());
    }
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
    if idle {
        let whose = bound.as_ref().map_or_else(
            || {
                "the registry of -d, DOCKER_REGISTRY or `destination` in the settings file"
                    .to_owned()
            },
            ToString::to_string,
        );
        _ = writeln!(text, "DOCKER_USERNAME is set, but only for {whose}; it was not sent");
    }
    let settings_of_registries =
        RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let stores =
        StoreSetup::of_environment(settings_of_registries, None)?.stores(bound.as_ref())?;
    let client = stores.registries.client(&registry);
    let mut all_well = match &found {
        Some((credential, _)) => login(&client, credential, &mut text, log).await,
        None => anonymous(&client, &mut text, log).await,
    };
    if let Some(repository) = repository.filter(|_| all_well) {
        let target = Target { registry: &registry, repository: &repository };
        all_well &= target.access(&client, found.is_some(), &mut text, log).await;
    }
    _ = writeln!(text, "settings file: {}", report::escape(settings.file));
    report::print(&text)?;
    Ok(if all_well { Exit::Done } else { Exit::SomeFailed })
}

/// What `whoami` needs of the settings file.
pub(crate) struct UsedSettings<'a> {
    /// Its path, or `none`.
    pub(crate) file: &'a str,
    /// The destination that it names.
    pub(crate) destination: Option<&'a str>,
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

/// Asks a registry without a credential. Returns false if it does not answer.
async fn anonymous(client: &Client, text: &mut String, log: &Log) -> bool {
    match client.asks_for_login().await {
        Ok(true) => {
            _ = writeln!(text, "login: asked for, so only what is public can be pulled");
            true
        }
        Ok(false) => true,
        Err(error) => {
            failure(&error, log);
            false
        }
    }
}

/// The repository to ask for.
struct Target<'a> {
    registry: &'a Registry,
    repository: &'a Repository,
}

impl Target<'_> {
    /// Tries a pull and a push. Returns false if one is refused or gets no answer.
    async fn access(&self, client: &Client, has_login: bool, text: &mut String, log: &Log) -> bool {
        let mut all_well = true;
        let pulled = client.check_pull(self.repository).await;
        // A first run creates the repository. To nobody, a private one may look as if it did not exist.
        let is_new = pulled.as_ref().is_err_and(RegistryError::is_not_found);
        let nothing =
            if has_login { "no such repository yet" } else { "no such repository, or private" };
        for (verb, tried) in [("pull", pulled), ("push", client.check_push(self.repository).await)]
        {
            let answer = match &tried {
                Ok(()) => "allowed",
                Err(error) if error.is_not_found() => nothing,
                Err(error) if is_unanswered(&error.cause) => "no answer",
                Err(_) => "refused",
            };
            _ = writeln!(text, "{verb} {}/{}: {answer}", self.registry, self.repository);
            if let Err(error) = tried
                && !(verb == "pull" && is_new)
            {
                all_well = false;
                failure(&error, log);
            }
        }
        all_well
    }
}

/// Says whether the error is not an answer of the registry.
const fn is_unanswered(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Unreachable { .. }
            | Cause::Certificate { .. }
            | Cause::Handshake { .. }
            | Cause::Broken { .. }
            | Cause::TimedOut { .. }
            | Cause::Slow { .. }
    )
}

fn failure(error: &RegistryError, log: &Log) {
    log.failure(None, &format!("failed to {error}"), error.hint().as_deref());
}
