//! Errors of credential lookups.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use longshore_oci::Registry;

use super::program::ProgramFailure;

/// The variable that holds the text of an authentication file. Docker and GitLab read it too. Errors name it in the
/// place of a file.
pub(super) const WHOLE_FILE: &str = "DOCKER_AUTH_CONFIG";

/// Why a registry's credential could not be looked up.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialError {
    /// Only one of `DOCKER_USERNAME` and `DOCKER_PASSWORD` is set.
    #[error("use the credential of the environment: {set} is set and {unset} is not")]
    Incomplete {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is missing.
        unset: &'static str,
    },
    /// A variable `LONGSHORE_AUTH_…` is not a credential.
    #[error("use the credential of the variable {name}: {what}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong; never quotes the value.
        what: &'static str,
    },
    /// A credential of the image list cannot be used.
    #[error("use the credential for {key} of {place}: {what}")]
    Listed {
        /// The registry, or the path below it.
        key: String,
        /// Where the list gives it.
        place: String,
        /// What is wrong; never quotes the credential.
        what: String,
    },
    /// An authentication file cannot be read.
    #[error("read authentication file {}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// The authentication file that the user named does not exist.
    #[error("read authentication file {} of REGISTRY_AUTH_FILE: {cause}", file.display())]
    Named {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// An authentication file cannot be written.
    #[error("write authentication file {}: {cause}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        cause: Arc<io::Error>,
    },
    /// An authentication file is too large.
    #[error("read authentication file {}: it is larger than {limit} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size limit, in bytes.
        limit: u64,
    },
    /// An authentication file is not valid JSON, or has the wrong structure.
    #[error("read authentication file {}: {what} at line {line}, column {column}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong; never quotes the file.
        what: &'static str,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// An entry of an authentication file cannot be used.
    #[error("read authentication file {}: the entry of {key} {what}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The registry, or the repository prefix, of the entry.
        key: String,
        /// What is wrong; never quotes the entry's value.
        what: &'static str,
    },
    /// A credential helper failed.
    #[error("ask credential helper {name:?} for {registry}: {failure}")]
    Program {
        /// The helper's name as in the file, without `docker-credential-`.
        name: String,
        /// The registry it was asked for.
        registry: Registry,
        /// The failure.
        failure: ProgramFailure,
    },
}

impl CredentialError {
    /// Returns advice for the user.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Incomplete { .. } => "set both or neither",
            Self::Named { .. } => {
                "correct the path, or unset the variable; longshore login makes the file"
            }
            Self::Unreadable { .. } => {
                "check its rights and that it is a regular file, or name another one with REGISTRY_AUTH_FILE"
            }
            Self::Unwritable { .. } => {
                "check the rights of its folder and the space there, or name another file with REGISTRY_AUTH_FILE"
            }
            Self::Malformed { file, .. } | Self::Entry { file, .. }
                if file.as_os_str() == WHOLE_FILE =>
            {
                "correct the value of the variable, or unset it"
            }
            Self::Malformed { .. } | Self::TooLarge { .. } => {
                "correct the file, or move it away: longshore login and docker login make a new one"
            }
            Self::Entry { .. } => "correct the entry, or replace it with longshore login",
            Self::Program { failure: ProgramFailure::Missing { .. }, .. } => {
                "install the program, or remove it from the authentication file (credsStore, and credHelpers for \
                 single registries)"
            }
            Self::Program { .. } => {
                "mend the helper, or remove it from the authentication file (credsStore, and credHelpers for single \
                 registries)"
            }
            Self::Listed { .. } => {
                "correct it there, set LONGSHORE_AUTH_… for the registry, which comes first, or leave out --list-credentials"
            }
            Self::Variable { .. } => return None,
        })
    }
}
