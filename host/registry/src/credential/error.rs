//! Why a credential could not be found out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use longshore_oci::Registry;

use super::program::ProgramFailure;

/// Why the credential of a registry could not be found out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CredentialError {
    /// One of `DOCKER_USERNAME` and `DOCKER_PASSWORD` is set without the other.
    #[error("use the credential of the environment: {set} is set and {unset} is not")]
    Incomplete {
        /// The variable that is there.
        set: &'static str,
        /// The one that is missing.
        unset: &'static str,
    },
    /// An authentication file cannot be read.
    #[error("read authentication file {}: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        cause: Arc<io::Error>,
    },
    /// An authentication file is larger than any real one.
    #[error("read authentication file {}: it is larger than {limit} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The size that is still read.
        limit: u64,
    },
    /// An authentication file is no JSON, or JSON of another shape.
    #[error("read authentication file {}: {what} at line {line}, column {column}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong; never a part of the file.
        what: &'static str,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The entry of a registry in an authentication file cannot be used.
    #[error("read authentication file {}: the entry of {key} {what}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The registry, or the repository prefix, that the entry is for.
        key: String,
        /// What is wrong; never a part of the entry's value.
        what: &'static str,
    },
    /// A credential helper gave no usable answer.
    #[error("ask credential helper {name:?} for {registry}: {failure}")]
    Program {
        /// The helper's name as the file has it, without `docker-credential-`.
        name: String,
        /// The registry it was to be asked for.
        registry: Registry,
        /// What went wrong.
        failure: ProgramFailure,
    },
}
