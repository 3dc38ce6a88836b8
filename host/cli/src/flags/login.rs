//! The flags of `longshore login`, `logout` and `whoami`.

use clap::Args;
use longshore_oci::Registry;

use super::account::{Account, account, registry};

/// Flags that the settings file cannot set: they are about one login.
pub(super) const ONLY_ON_COMMAND_LINE: [&str; 2] = ["username", "password-stdin"];

/// Log in to a registry, and store the credential where docker login does
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore login registry.example.com -u me
  pass show registry | longshore login registry.example.com -u me --password-stdin

The credential is checked first. It is stored in the file of REGISTRY_AUTH_FILE, else in \
$DOCKER_CONFIG/config.json, else in ~/.docker/config.json, or with the credential helper that this file \
names. docker, skopeo, crane and regctl read these files too.
Exit codes: 0 the credential is stored, 1 the registry refused it, 2 the usage or configuration is wrong.")]
pub(crate) struct Login {
    /// Log in to REGISTRY, such as ghcr.io; docker.io is Docker Hub
    #[arg(value_name = "REGISTRY", value_parser = registry)]
    pub(crate) registry: Registry,
    /// Log in as NAME [default: asked for at a terminal]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// Read the password or access token from standard input instead of asking for it
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// Erase the stored credential of a registry
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  longshore logout registry.example.com
  longshore logout docker.io

The credential is erased where longshore login stores it. Other files may have one too: longshore \
whoami names it.")]
pub(crate) struct Logout {
    /// Erase the credential of REGISTRY
    #[arg(value_name = "REGISTRY", value_parser = registry)]
    pub(crate) registry: Registry,
}

/// Show which credential is used for a registry, where it is from, and what it may do
#[derive(Debug, Args)]
#[command(
    name = "whoami",
    after_help = "\
Examples:
  longshore whoami registry.example.com
  longshore whoami registry.example.com/team/app

No secret is printed. DOCKER_USERNAME and DOCKER_PASSWORD count only for the registry of DOCKER_REGISTRY \
or of destination in the settings file, as in a run. With a repository, whoami lists a tag and opens an \
upload that it cancels, to find out whether pulls and pushes are allowed.
Exit codes: 0 the registry refuses nothing, 1 it refuses something or does not answer, 2 the usage or \
configuration is wrong."
)]
pub(crate) struct WhoAmI {
    /// Check the credential for REGISTRY, or what it may do with REGISTRY/REPOSITORY
    #[arg(value_name = "REGISTRY[/REPOSITORY]", value_parser = account)]
    pub(crate) account: Account,
}
