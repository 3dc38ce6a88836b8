//! Which credential a registry gets: from the environment, from the authentication files of Docker
//! and containers, or from a credential helper.
//!
//! The first source that has one wins, nothing else is tried, and no source is an error only where
//! something is there that cannot be used. Every look-up is kept for the run: a file is read once
//! and a helper runs once per registry, however many tasks ask at the same time.

mod auth_file;
mod error;
mod kind;
mod look_up;
mod program;
mod source;

pub use error::CredentialError;
pub use kind::Credential;
pub use look_up::Credentials;
pub use program::ProgramFailure;
pub use source::{AuthFilePath, CredentialSources, EnvironmentCredential};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
