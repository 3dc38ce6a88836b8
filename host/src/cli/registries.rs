//! The registries that a command asks which has no plan.

use std::path::PathBuf;

use super::variable;
use crate::error::Fatal;
use crate::oci::Registry;
use crate::registry::{
    CredentialSources, Credentials, Registries, RegistryOptions, certificate_directories,
};
use crate::settings::DEFAULT_MAX_WAIT;

/// All registries, with the user's credentials and certificates. Those of the environment are for
/// `bound`.
pub(super) fn registries(tls_verify: bool, bound: Option<&Registry>) -> Result<Registries, Fatal> {
    let folders = directories::BaseDirs::new();
    let home = folders.as_ref().map(|folders| folders.home_dir());
    let mut sources = CredentialSources::of_environment(variable, home)?;
    if let Some(registry) = bound {
        sources.bind_environment(registry.clone());
    }
    Ok(Registries::new(RegistryOptions {
        tls_verify,
        credentials: Credentials::new(sources),
        certificate_directories: certificate_directories(variable, home),
        root_bundle: variable("SSL_CERT_FILE").filter(|path| !path.is_empty()).map(PathBuf::from),
        max_wait: DEFAULT_MAX_WAIT,
        large_transfers: usize::MAX,
    })?)
}
