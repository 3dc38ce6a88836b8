//! Stores and erases the credential of a registry, as `docker login` and `docker logout` do.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::{Map, Value};

use super::auth_file::{self, key_of};
use super::error::CredentialError;
use super::program::{self, ProgramFailure};
use super::source::CredentialSources;
use crate::secret::Secret;
use longshore_oci::Registry;

/// Where a credential was stored, or from where it was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialPlace {
    /// In the authentication file itself, in base64.
    File,
    /// With the credential helper of this name, without `docker-credential-`.
    Program(String),
}

/// An authentication file whose credentials change.
#[derive(Debug)]
pub struct CredentialStore {
    path: PathBuf,
    program_path: Vec<PathBuf>,
}

impl CredentialStore {
    /// The file that `login` changes: the one that the user named, else Docker's.
    pub fn of(sources: &CredentialSources) -> Option<Self> {
        let named = sources.auth_files.iter().find(|file| file.named);
        let file = named.or(sources.auth_files.last())?;
        Some(Self::new(file.path.clone(), sources.program_path.clone()))
    }

    /// The authentication file at `path`, which may not exist yet. Credential helpers are searched in
    /// `program_path`.
    pub fn new(path: PathBuf, program_path: Vec<PathBuf>) -> Self {
        Self { path, program_path }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Stores the credential of `registry`: with its own credential helper (`credHelpers`), else with the
    /// credential store (`credsStore`), else in the file. Everything else in the file stays as it is.
    ///
    /// # Errors
    /// If the file cannot be read, is malformed or cannot be written, or if the helper fails.
    pub async fn store(
        &self,
        registry: &Registry,
        username: &str,
        password: &Secret,
    ) -> Result<CredentialPlace, CredentialError> {
        let file = self.open().await?;
        let place = file.place_of(registry);
        let entry = match &place {
            CredentialPlace::File => {
                let pair = format!("{username}:{}", password.expose());
                Map::from_iter([("auth".to_owned(), STANDARD.encode(pair).into())])
            }
            CredentialPlace::Program(name) => {
                let credential = (username, password);
                program::store(name, registry, credential, &self.program_path)
                    .await
                    .map_err(failed(name, registry))?;
                // Docker keeps an empty entry to remember the registries that it is logged in to.
                Map::new()
            }
        };
        file.replace(registry, Some(entry.into()))?;
        Ok(place)
    }

    /// Erases the credential of `registry`, in whichever spelling. Returns `None` if there is none.
    ///
    /// # Errors
    /// As for [`Self::store`].
    pub async fn erase(
        &self,
        registry: &Registry,
    ) -> Result<Option<CredentialPlace>, CredentialError> {
        let file = self.open().await?;
        let place = file.place_of(registry);
        let was_there = file.has(registry);
        if let CredentialPlace::Program(name) = &place {
            let credential = program::ask(name, registry, &self.program_path, program::PATIENCE);
            let had = credential.await.map_err(failed(name, registry))?.is_some();
            if had {
                program::erase(name, registry, &self.program_path)
                    .await
                    .map_err(failed(name, registry))?;
            }
            file.replace(registry, None)?;
            return Ok((had || was_there).then_some(place));
        }
        if was_there {
            file.replace(registry, None)?;
        }
        Ok(was_there.then_some(place))
    }

    async fn open(&self) -> Result<OpenFile, CredentialError> {
        let path = self.path.clone();
        let opened = tokio::task::spawn_blocking(move || OpenFile::open(path)).await;
        opened.unwrap_or_else(|error| {
            Err(unwritable(&self.path)(io::Error::other(error.to_string())))
        })
    }
}

fn failed(name: &str, registry: &Registry) -> impl FnOnce(ProgramFailure) -> CredentialError {
    let (name, registry) = (name.to_owned(), registry.clone());
    move |failure| CredentialError::Program { name, registry, failure }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> CredentialError + use<> {
    let file = path.to_owned();
    move |cause| CredentialError::Unwritable { file: file.clone(), cause: Arc::new(cause) }
}

/// The file's document, locked against other runs.
struct OpenFile {
    /// The file itself, behind any link.
    path: PathBuf,
    document: Map<String, Value>,
    /// Held until the change is written.
    _lock: std::fs::File,
}

impl OpenFile {
    fn open(path: PathBuf) -> Result<Self, CredentialError> {
        let error = unwritable(&path);
        // A link to the file of a dotfiles repository stays a link.
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        if !folder.exists() {
            std::fs::create_dir_all(folder).map_err(&error)?;
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(folder, private).map_err(&error)?;
        }
        let lock = std::fs::File::open(folder).map_err(&error)?;
        match lock.lock() {
            // Some network file systems have no locks. A login there is as safe as Docker's.
            Err(cause) if cause.kind() != io::ErrorKind::Unsupported => return Err(error(cause)),
            _ => {}
        }
        let document = auth_file::read_document(&path)?;
        Ok(Self { path, document, _lock: lock })
    }

    /// Returns where the file wants the credential of `registry` to be.
    fn place_of(&self, registry: &Registry) -> CredentialPlace {
        let helpers = self.document.get("credHelpers").and_then(Value::as_object);
        let own = helpers
            .into_iter()
            .flatten()
            .find(|(spelling, _)| key_of(spelling).is_some_and(|key| key == registry.to_string()));
        let name = match own {
            Some((_, name)) => name.as_str(),
            None => self.document.get("credsStore").and_then(Value::as_str),
        };
        match name.filter(|name| !name.is_empty()) {
            Some(name) => CredentialPlace::Program(name.to_owned()),
            None => CredentialPlace::File,
        }
    }

    fn has(&self, registry: &Registry) -> bool {
        let auths = self.document.get("auths").and_then(Value::as_object);
        auths.is_some_and(|auths| auths.keys().any(|spelling| is_of(spelling, registry)))
    }

    /// Replaces all entries of `registry` by `entry`, and writes the file.
    fn replace(mut self, registry: &Registry, entry: Option<Value>) -> Result<(), CredentialError> {
        let auths = self.document.entry("auths").or_insert_with(|| Map::new().into());
        if auths.is_null() {
            *auths = Map::new().into();
        }
        if let Some(auths) = auths.as_object_mut() {
            // Another spelling of the same registry would win over the new entry.
            auths.retain(|spelling, _| !is_of(spelling, registry));
            if let Some(entry) = entry {
                auths.insert(program::server_of(registry), entry);
            }
        }
        self.write().map_err(unwritable(&self.path))
    }

    fn write(&self) -> io::Result<()> {
        let mut text = Vec::new();
        let indent = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut writer = serde_json::Serializer::with_formatter(&mut text, indent);
        self.document.serialize(&mut writer).map_err(io::Error::other)?;
        text.push(b'\n');
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // A temporary file has the mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Says whether an entry of `auths` is the one of `registry` as a whole.
fn is_of(spelling: &str, registry: &Registry) -> bool {
    key_of(spelling).is_some_and(|key| key == registry.to_string())
}

#[cfg(test)]
mod tests;
