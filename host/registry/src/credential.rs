//! Which credential a registry gets: from the environment, from the authentication files of Docker
//! and containers, or from a credential helper.
//!
//! The first source that has one wins, nothing else is tried, and no source is an error only where
//! something is there that cannot be used. Every look-up is kept for the run: a file is read once
//! and a helper runs once per registry, however many tasks ask at the same time.

mod auth_file;
mod program;
mod source;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::secret::Secret;
use longshore_oci::{Registry, Repository};

use auth_file::{AuthFile, Found};
pub use program::ProgramFailure;
pub use source::{AuthFilePath, CredentialSources, EnvironmentCredential};

/// What a registry or its token realm is shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A user's name and password, or what stands for one.
    Basic {
        /// The user.
        username: String,
        /// The password, or an access token in its place.
        password: Secret,
    },
    /// Docker's `identitytoken`: an OAuth2 refresh token, which the token realm trades for an access
    /// token (`grant_type=refresh_token`).
    IdentityToken(Secret),
    /// Docker's `registrytoken`: a bearer token that is sent to the registry as it is.
    RegistryToken(Secret),
}

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

/// What one helper answers for one registry, once it is known.
type Answer = Arc<OnceCell<Result<Option<Credential>, CredentialError>>>;

/// An authentication file and what is in it, once it is known.
struct KnownFile {
    path: AuthFilePath,
    content: OnceCell<Result<AuthFile, CredentialError>>,
}

/// The credentials of a run.
pub struct Credentials {
    sources: CredentialSources,
    files: Vec<KnownFile>,
    answers: Mutex<HashMap<(String, Registry), Answer>>,
}

impl Credentials {
    /// Credentials from these sources; nothing is read before it is asked for.
    pub fn new(sources: CredentialSources) -> Self {
        let files = sources
            .auth_files
            .iter()
            .map(|path| KnownFile { path: path.clone(), content: OnceCell::new() });
        let files = files.collect();
        Self { sources, files, answers: Mutex::default() }
    }

    /// The credential for `registry`, or the most specific one for `repository` there; `None` is
    /// anonymous.
    ///
    /// # Errors
    /// Where a file that has to be read is unreadable or malformed, or a credential helper fails.
    pub async fn of(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<Credential>, CredentialError> {
        if let Some(credential) = self.sources.environment_for(registry) {
            return Ok(Some(credential));
        }
        for file in &self.files {
            let content = file.content.get_or_init(|| AuthFile::read(&file.path));
            let content = content.await.as_ref().map_err(Clone::clone)?;
            match content.find(registry, repository)? {
                Found::Credential(credential) => return Ok(Some(credential)),
                Found::Program(name) => {
                    if let Some(credential) = self.ask(name, registry).await? {
                        return Ok(Some(credential));
                    }
                }
                Found::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Where the credential for `registry` comes from, if it has one, in words.
    pub fn origin_of(&self, registry: &Registry) -> &'static str {
        match self.sources.environment_for(registry) {
            Some(_) => "DOCKER_USERNAME and DOCKER_PASSWORD",
            None => "an authentication file, as docker login writes it",
        }
    }

    /// The answer of the credential helper `name`, which runs at the first call.
    async fn ask(
        &self,
        name: &str,
        registry: &Registry,
    ) -> Result<Option<Credential>, CredentialError> {
        let answer = {
            let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (name.to_owned(), registry.clone());
            Arc::clone(answers.entry(key).or_default())
        };
        let run = || async {
            program::ask(name, registry, &self.sources.program_path, program::PATIENCE)
                .await
                .map_err(|failure| CredentialError::Program {
                    name: name.to_owned(),
                    registry: registry.clone(),
                    failure,
                })
        };
        answer.get_or_init(run).await.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("sources", &self.sources).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
