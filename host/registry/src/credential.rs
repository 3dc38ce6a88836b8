//! Credentials of registries: from the environment, the image list, authentication files of Docker and
//! containers, or a credential helper.
//!
//! The first source with a credential wins. A source is an error only if it exists and cannot be
//! used. Lookups are cached for the run with single-flight: a file is read once, and a helper runs
//! once per registry.

mod auth_file;
mod error;
mod kind;
mod listed;
mod look_up;
mod program;
mod source;
mod stored;
mod variable;

pub use auth_file::AuthFilePath;
pub use error::CredentialError;
pub use kind::Credential;
pub use listed::{ListedCredential, ListedLogin};
pub use look_up::{CredentialOrigin, Credentials};
pub use program::ProgramFailure;
pub use source::{CredentialSources, EnvironmentCredential};
pub use stored::{CredentialPlace, CredentialStore};
pub use variable::variable_of;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
