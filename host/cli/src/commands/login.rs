//! Runs `longshore login`, `logout` and `whoami`.

mod error;
mod password;
mod whoami;

use std::path::Path;

use longshore_engine::event::Level;
use longshore_oci::Registry;
use longshore_registry::{
    Credential, CredentialPlace, CredentialSources, CredentialStore, Credentials,
    InsecureRegistries, LoginAnswer,
};

pub(crate) use self::error::LoginError;
use crate::error::{Exit, Fatal};
use crate::flags::{Login, Logout};
use crate::report::{self, Log};
use crate::setup::{RegistrySettings, StoreSetup, credential_sources};

pub(crate) use self::whoami::{UsedSettings, run as who_am_i};

/// Checks a credential and stores it.
pub(crate) async fn run(
    flags: Login,
    insecure: &InsecureRegistries,
    log: &Log,
) -> Result<Exit, Fatal> {
    let Login { registry, username, password_stdin } = flags;
    let sources = credential_sources()?;
    let store = CredentialStore::of(&sources).ok_or(LoginError::NoHome)?;
    let (username, password) = password::ask(username, password_stdin, &registry)?;
    let credential = Credential::Basic { username: username.clone(), password: password.clone() };
    let settings = RegistrySettings { insecure: insecure.clone(), ..RegistrySettings::default() };
    let stores = StoreSetup::for_login(settings, None)?.stores(None)?;
    match stores.registries.client(&registry).check_login(&credential).await {
        Ok(LoginAnswer::Accepted) => {}
        Ok(LoginAnswer::NotAsked) => log.write(
            Level::Warning,
            &format!("{registry} does not ask for a login, so the credential was not checked"),
        ),
        Ok(LoginAnswer::Refused(why)) => {
            let text = format!("failed to log in to {registry} as {username}: {why}");
            let hint = "check the user name; many registries want an access token in place of the password";
            log.failure(None, &text, Some(hint));
            return Ok(Exit::SomeFailed);
        }
        Err(error) => {
            let text = format!("failed to log in to {registry} as {username}: {error}");
            log.failure(None, &text, error.hint().as_deref());
            return Ok(Exit::SomeFailed);
        }
    }
    let place = store.store(&registry, &username, &password).await?;
    warn_of_other(&sources, &store, &registry, &credential, log).await;
    let risk = if place == CredentialPlace::File { ", not encrypted" } else { "" };
    let place = named(&place, store.path());
    report::print(&format!(
        "logged in to {registry} as {username}; the credential is in {place}{risk}\n"
    ))?;
    Ok(Exit::Done)
}

/// Warns if a run finds another credential before the stored one.
async fn warn_of_other(
    sources: &CredentialSources,
    store: &CredentialStore,
    registry: &Registry,
    stored: &Credential,
    log: &Log,
) {
    let found = Credentials::new(sources.clone()).locate(registry, None).await;
    if let Ok(Some((found, origin))) = found
        && found != *stored
    {
        let text = format!(
            "another credential for {registry} is used before the one in {}: it is from {origin}; remove it there",
            store.path().display()
        );
        log.write(Level::Warning, &text);
    }
}

/// Erases a credential.
pub(crate) async fn log_out(flags: Logout, log: &Log) -> Result<Exit, Fatal> {
    let Logout { registry } = flags;
    let sources = credential_sources()?;
    let store = CredentialStore::of(&sources).ok_or(LoginError::NoHome)?;
    match store.erase(&registry).await? {
        Some(place) => {
            let place = named(&place, store.path());
            report::print(&format!("logged out of {registry}; the credential was in {place}\n"))?;
        }
        None => {
            let text =
                format!("there is no credential for {registry} in {}", store.path().display());
            log.write(Level::Warning, &text);
        }
    }
    if let Ok(Some((_, origin))) = Credentials::new(sources).locate(&registry, None).await {
        log.write(
            Level::Warning,
            &format!("a credential for {registry} is left: it is from {origin}"),
        );
    }
    Ok(Exit::Done)
}

/// Names where a credential is kept.
fn named(place: &CredentialPlace, path: &Path) -> String {
    match place {
        CredentialPlace::File => path.display().to_string(),
        CredentialPlace::Program(name) => format!("the credential helper docker-credential-{name}"),
    }
}
