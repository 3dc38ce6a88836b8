//! Looks up credentials, each once per run.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use longshore_oci::{Registry, Repository};
use tokio::sync::OnceCell;

use super::auth_file::{AuthFile, AuthFilePath, Found};
use super::error::CredentialError;
use super::kind::Credential;
use super::listed::{self, ListedLogin};
use super::program::{self, ProgramFailure};
use super::source::CredentialSources;

/// Where a credential is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialOrigin {
    /// `DOCKER_USERNAME` and `DOCKER_PASSWORD`.
    Environment,
    /// The variable `LONGSHORE_AUTH_…` of this name.
    Variable(String),
    /// The image list.
    List {
        /// The list and the line.
        place: String,
    },
    /// An entry of an authentication file, or of `DOCKER_AUTH_CONFIG`.
    File {
        /// The file.
        file: PathBuf,
        /// The key of the entry, as `registry` or `registry/path`.
        key: String,
    },
    /// The exchange of a repository type, which trades another credential for this one.
    Exchange,
    /// A credential helper.
    Program {
        /// Its name, without `docker-credential-`.
        name: String,
        /// The authentication file, or the image list with the line, that names it.
        file: PathBuf,
    },
}

impl fmt::Display for CredentialOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("DOCKER_USERNAME and DOCKER_PASSWORD"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::List { place } => write!(f, "the image list, {place}"),
            Self::File { file, key } => write!(f, "the entry {key} of {}", file.display()),
            Self::Exchange => f.write_str("the exchange of the repository type"),
            Self::Program { name, file } => {
                write!(
                    f,
                    "the credential helper docker-credential-{name}, which {} names",
                    file.display()
                )
            }
        }
    }
}

/// The cached answer of one helper for one registry.
type Answer = Arc<OnceCell<Result<Option<Credential>, CredentialError>>>;

/// An authentication file and its cached content.
struct KnownFile {
    path: AuthFilePath,
    content: OnceCell<Result<AuthFile, CredentialError>>,
}

impl KnownFile {
    /// Reads the file once.
    ///
    /// # Errors
    /// If it is unreadable or malformed.
    async fn content(&self) -> Result<&AuthFile, CredentialError> {
        let content = self.content.get_or_init(|| AuthFile::read(&self.path));
        content.await.as_ref().map_err(Clone::clone)
    }
}

/// The credentials of a run.
pub struct Credentials {
    sources: CredentialSources,
    files: Vec<KnownFile>,
    answers: Mutex<HashMap<(String, Registry), Answer>>,
    /// The helpers that are not installed.
    missing: Mutex<HashSet<String>>,
    /// Where the last credential for each registry was from; `None` is anonymous.
    origins: Mutex<HashMap<Registry, Option<CredentialOrigin>>>,
}

impl Credentials {
    /// Makes the credentials of these sources; files are read on first use.
    pub fn new(sources: CredentialSources) -> Self {
        let of_variable = sources.whole_file.as_ref().map(|text| {
            let path = CredentialSources::path_of_variable();
            let content = AuthFile::parse(&path, text.expose().as_bytes());
            KnownFile { path, content: OnceCell::new_with(Some(content)) }
        });
        let files = sources
            .auth_files
            .iter()
            .map(|path| KnownFile { path: path.clone(), content: OnceCell::new() });
        let files = of_variable.into_iter().chain(files).collect();
        let (answers, missing, origins) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { sources, files, answers, missing, origins }
    }

    /// Reads the authentication files before a registry needs them. A pipe is left to its only reader.
    ///
    /// # Errors
    /// If a file is unreadable or malformed.
    pub async fn check_files(&self) -> Result<(), CredentialError> {
        for file in &self.files {
            let is_pipe = std::fs::metadata(&file.path.path).is_ok_and(|found| !found.is_file());
            if file.path.named && is_pipe {
                continue;
            }
            file.content().await?;
        }
        Ok(())
    }

    /// Looks up the credential for `registry`, or the most specific one for `repository`; `None` is
    /// anonymous.
    ///
    /// # Errors
    /// If a file is unreadable or malformed, or a credential helper fails. A helper that is not
    /// installed has no credential.
    pub async fn of(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<Credential>, CredentialError> {
        Ok(self.locate(registry, repository).await?.map(|(credential, _)| credential))
    }

    /// Looks up a credential like [`Self::of`], and says where it is from.
    ///
    /// # Errors
    /// As for [`Self::of`].
    pub async fn locate(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<(Credential, CredentialOrigin)>, CredentialError> {
        let found = self.search(registry, repository).await?;
        let origin = found.as_ref().map(|(_, origin)| origin.clone());
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.insert(registry.clone(), origin);
        Ok(found)
    }

    /// Returns the credential of the variable `LONGSHORE_AUTH_…` for `registry`.
    pub(crate) fn of_variable(&self, registry: &Registry) -> Option<Credential> {
        self.sources.variables.find(registry).map(|(credential, _)| credential)
    }

    async fn search(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<(Credential, CredentialOrigin)>, CredentialError> {
        if let Some(credential) = self.sources.environment_for(registry) {
            return Ok(Some((credential, CredentialOrigin::Environment)));
        }
        if let Some((credential, name)) = self.sources.variables.find(registry) {
            return Ok(Some((credential, CredentialOrigin::Variable(name))));
        }
        if let Some(found) = self.of_list(registry, repository).await? {
            return Ok(Some(found));
        }
        for file in &self.files {
            match file.content().await?.find(registry, repository)? {
                Found::Credential(credential, key) => {
                    let file = file.path.path.clone();
                    return Ok(Some((credential, CredentialOrigin::File { file, key })));
                }
                Found::Program(name) => {
                    if let Some(credential) =
                        self.ask_if_installed(name, registry, &file.path.path).await?
                    {
                        let (name, file) = (name.to_owned(), file.path.path.clone());
                        return Ok(Some((credential, CredentialOrigin::Program { name, file })));
                    }
                }
                Found::Nothing => {}
            }
        }
        Ok(None)
    }

    /// Returns the credential that the image list gives.
    async fn of_list(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Option<(Credential, CredentialOrigin)>, CredentialError> {
        let Some(found) = listed::find(&self.sources.listed, registry, repository) else {
            return Ok(None);
        };
        let place = found.place().to_owned();
        match found.login() {
            Ok(ListedLogin::Credential(credential)) => {
                Ok(Some((credential.clone(), CredentialOrigin::List { place })))
            }
            Ok(ListedLogin::Program { name, host }) => {
                let (host, file) = (host.as_ref().unwrap_or(registry), PathBuf::from(place));
                let asked = self.ask_if_installed(name, host, &file).await?;
                let name = name.clone();
                Ok(asked.map(|found| (found, CredentialOrigin::Program { name, file })))
            }
            Err(what) => {
                let (key, what) = (found.key().to_owned(), what.clone());
                Err(CredentialError::Listed { key, place, what })
            }
        }
    }

    /// Asks a credential helper. One that is not installed has no credential: the file that names it may come
    /// from another machine, and the image may be public.
    async fn ask_if_installed(
        &self,
        name: &str,
        registry: &Registry,
        file: &Path,
    ) -> Result<Option<Credential>, CredentialError> {
        match self.ask(name, registry).await {
            Err(CredentialError::Program {
                failure: failure @ ProgramFailure::Missing { .. },
                ..
            }) => {
                self.warn_of_missing(name, registry, file, &failure);
                Ok(None)
            }
            answer => answer,
        }
    }

    /// Returns where the last credential for `registry` was from; `None` if none was found.
    pub(crate) fn origin_of(&self, registry: &Registry) -> Option<CredentialOrigin> {
        let origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.get(registry).cloned().flatten()
    }

    /// Asks the credential helper `name` (without `docker-credential-`) for the user name and password, or
    /// token, of the server `host`.
    ///
    /// # Errors
    /// If the helper is not installed or fails.
    pub async fn of_helper(
        &self,
        name: &str,
        host: &Registry,
    ) -> Result<Option<Credential>, CredentialError> {
        self.ask(name, host).await
    }

    /// Warns once for each helper that is not installed.
    fn warn_of_missing(
        &self,
        name: &str,
        registry: &Registry,
        file: &Path,
        failure: &ProgramFailure,
    ) {
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        if missing.insert(name.to_owned()) {
            let file = file.display();
            tracing::warn!(
                "no credential of a helper is used for {registry}: {failure}; install it, or remove it from {file}"
            );
        }
    }

    /// Asks the credential helper `name`, which runs once per registry.
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
