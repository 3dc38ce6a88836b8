//! Reads environment variables.

use std::ffi::OsString;
use std::sync::Arc;

use longshore_engine::plan::parse_registry_flag;
use longshore_oci::Registry;
use longshore_registry::{CredentialError, CredentialSources};

/// Returns the registry of `DOCKER_REGISTRY`, to which the credential of the environment belongs.
pub(crate) fn destination_of_environment() -> Option<Registry> {
    let text = variable("DOCKER_REGISTRY").filter(|text| !text.is_empty())?;
    parse_registry_flag("DOCKER_REGISTRY", &text).ok()
}

/// Returns the sources of credentials.
///
/// # Errors
/// If only one of `DOCKER_USERNAME` and `DOCKER_PASSWORD` is set, or another variable is malformed.
pub(crate) fn credential_sources() -> Result<CredentialSources, CredentialError> {
    let folders = directories::BaseDirs::new();
    let home = folders.as_ref().map(|folders| folders.home_dir());
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    CredentialSources::of_environment(variable, home)?
        .with_variables(std::env::vars_os().filter_map(text))
}

/// Checks that the file of `REGISTRY_AUTH_FILE` exists, if the variable is set. `longshore login` makes it.
///
/// # Errors
/// If the file cannot be found.
pub(crate) fn check_named_file(sources: &CredentialSources) -> Result<(), CredentialError> {
    for file in sources.auth_files.iter().filter(|file| file.named) {
        std::fs::metadata(&file.path).map_err(|cause| CredentialError::Named {
            file: file.path.clone(),
            cause: Arc::new(cause),
        })?;
    }
    Ok(())
}

/// Returns the value of an environment variable; a value that is not UTF-8 counts as unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
