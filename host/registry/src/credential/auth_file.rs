//! Authentication files: Docker's `config.json` and containers' `auth.json`, which share one format
//! (containers-auth.json(5)).
//!
//! Path-scoped keys belong to `auth.json`, and a credential store to `config.json`. Both are
//! accepted in either file, as containers' tools accept such keys.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::secret::Secret;
use longshore_files::{ReadError, read_any, read_regular};
use longshore_oci::{Registry, Repository};

use super::error::CredentialError;
use super::kind::Credential;

/// The largest accepted file, in bytes.
const SIZE_LIMIT: u64 = 1 << 20;
/// How long a pipe may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Docker pads its base64; some other tools do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The path of an authentication file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthFilePath {
    /// The path.
    pub path: PathBuf,
    /// Whether the user named this file, so that its absence is an error.
    pub named: bool,
}

impl AuthFilePath {
    /// A file at a default path, which may be missing.
    pub(super) fn usual(path: PathBuf) -> Self {
        Self { path, named: false }
    }
}

/// The file's JSON.
#[derive(Default, Deserialize)]
struct Written {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    programs: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

/// One value of `auths`. Any string in it may be a secret.
#[derive(Debug, Deserialize)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

/// A parsed file with normalized keys.
#[derive(Debug)]
pub(super) struct AuthFile {
    path: AuthFilePath,
    /// Entries by `registry` or `registry/path`; the entry with the most exact spelling comes
    /// first.
    /// Each has the spelling of its key in the file.
    entries: HashMap<String, Vec<(String, Entry)>>,
    programs: HashMap<Registry, String>,
    store: Option<String>,
}

/// What a file holds for a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A credential, and the key of its entry as the file spells it.
    Credential(Credential, String),
    /// The name of the credential helper to ask, without `docker-credential-`.
    Program(&'a str),
    /// Nothing.
    Nothing,
}

impl AuthFile {
    /// Reads a file. Only a file that the user named must exist.
    pub(super) async fn read(path: &AuthFilePath) -> Result<Self, CredentialError> {
        let bytes = content(path, read(path).await)?;
        Self::parse(path, &bytes)
    }

    /// Parses the text of a file; an empty text is a file without entries.
    pub(super) fn parse(path: &AuthFilePath, text: &[u8]) -> Result<Self, CredentialError> {
        let written = if text.trim_ascii().is_empty() {
            Written::default()
        } else {
            serde_json::from_slice(text).map_err(|error| {
                // The text of serde's error quotes values of the file.
                let what =
                    if error.is_data() { "a value of the wrong type" } else { "invalid JSON" };
                CredentialError::Malformed {
                    file: path.path.clone(),
                    what,
                    line: error.line(),
                    column: error.column(),
                }
            })?
        };
        let mut auths: Vec<_> = written
            .auths
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(spelling, entry)| Some((key_of(&spelling)?, spelling, entry?)))
            .collect();
        auths.sort_by(|left, right| rank(&left.0, &left.1).cmp(&rank(&right.0, &right.1)));
        let mut entries: HashMap<String, Vec<(String, Entry)>> = HashMap::new();
        for (key, spelling, entry) in auths {
            entries.entry(key).or_default().push((spelling, entry));
        }
        let mut programs = HashMap::new();
        for (spelling, name) in written.programs.unwrap_or_default() {
            if let Some(registry) = key_of(&spelling).and_then(|key| key.parse().ok()) {
                programs.insert(registry, name);
            }
        }
        Ok(Self {
            path: path.clone(),
            entries,
            programs,
            store: written.store.filter(|name| !name.is_empty()),
        })
    }

    /// Looks up the credential for a repository of a registry, or for the registry as a whole.
    ///
    /// A registry's own helper takes precedence over entries, as in Docker and containers; helpers
    /// do not know paths. Then the longest path wins. The store is asked last: where it is in use,
    /// Docker writes an empty entry per registry.
    pub(super) fn find(
        &self,
        registry: &Registry,
        repository: Option<&Repository>,
    ) -> Result<Found<'_>, CredentialError> {
        let own = self.programs.get(registry);
        if let Some(name) = own.filter(|name| !name.is_empty()) {
            return Ok(Found::Program(name));
        }
        let mut key = registry.to_string();
        if let Some(repository) = repository {
            key.push('/');
            key.push_str(repository.as_str());
        }
        loop {
            for (spelling, entry) in self.entries.get(&key).into_iter().flatten() {
                match entry.credential() {
                    Ok(Some(credential)) => {
                        return Ok(Found::Credential(credential, spelling.clone()));
                    }
                    Ok(None) => {}
                    Err(what) => {
                        let (file, key) = (self.path.path.clone(), spelling.clone());
                        return Err(CredentialError::Entry { file, key, what });
                    }
                }
            }
            match key.rfind('/') {
                Some(slash) => key.truncate(slash),
                None => break,
            }
        }
        // An empty name in `credHelpers` disables helpers for the registry, including the store.
        match &self.store {
            Some(store) if own.is_none() => Ok(Found::Program(store)),
            _ => Ok(Found::Nothing),
        }
    }
}

/// Reads a file as a document that can be changed and written back. A missing or empty file is an empty
/// document.
///
/// # Errors
/// If the file cannot be read, is too large, or would not be understood afterwards; also if it is not a regular
/// file, because a new file would replace it.
pub(super) fn read_document(path: &Path) -> Result<Map<String, Value>, CredentialError> {
    let file = AuthFilePath::usual(path.to_owned());
    let bytes = content(&file, read_regular(path, SIZE_LIMIT))?;
    AuthFile::parse(&file, &bytes)?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Returns what was read of a file. Only a file that the user named must exist.
fn content(
    path: &AuthFilePath,
    read: Result<Vec<u8>, ReadError>,
) -> Result<Vec<u8>, CredentialError> {
    let unreadable =
        |cause| CredentialError::Unreadable { file: path.path.clone(), cause: Arc::new(cause) };
    read.or_else(|error| match error {
        ReadError::System(cause) if !path.named && is_absent(&cause) => Ok(Vec::new()),
        ReadError::System(cause) => Err(unreadable(cause)),
        ReadError::TooLarge { limit } => {
            Err(CredentialError::TooLarge { file: path.path.clone(), limit })
        }
        other => Err(unreadable(io::Error::other(other))),
    })
}

impl Entry {
    /// The entry's credential, if it holds one.
    fn credential(&self) -> Result<Option<Credential>, &'static str> {
        let given = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        let (username, password) = match given(&self.auth) {
            Some(auth) => decode(&auth)?,
            None => (
                self.username.clone().unwrap_or_default(),
                given(&self.password).unwrap_or_else(|| Secret::new("")),
            ),
        };
        if username.is_empty() && password.is_empty() {
            return Ok(None);
        }
        Ok(Some(Credential::Basic { username, password }))
    }
}

/// Decodes `auth`, the base64 of `username:password`.
fn decode(auth: &Secret) -> Result<(String, Secret), &'static str> {
    let bytes =
        BASE64.decode(auth.expose().trim()).map_err(|_| "has an \"auth\" that is not base64")?;
    let text = String::from_utf8(bytes).map_err(|_| "has an \"auth\" that is not UTF-8")?;
    let (username, password) =
        text.split_once(':').ok_or("has an \"auth\" that is not username:password")?;
    // Old versions of Docker padded the password with zero bytes.
    Ok((username.to_owned(), Secret::new(password.trim_matches('\0'))))
}

/// Reads the bytes of a file. Only what the user named may be a pipe, whose writer gets some time.
async fn read(path: &AuthFilePath) -> Result<Vec<u8>, ReadError> {
    let file = path.path.clone();
    let reading = match path.named {
        true => tokio::task::spawn_blocking(move || read_any(&file, SIZE_LIMIT)),
        false => tokio::task::spawn_blocking(move || read_regular(&file, SIZE_LIMIT)),
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(read) => read.map_err(io::Error::other)?,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

/// Whether the error only means that the file does not exist.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Normalizes a key to `registry` or `registry/path`; `None` if it names no registry.
///
/// A key with a scheme, or one that ends in `/v1/` or `/v2/`, is an old API address; only its host
/// counts.
pub(super) fn key_of(spelling: &str) -> Option<String> {
    let stripped = ["https://", "http://"].iter().find_map(|scheme| spelling.strip_prefix(scheme));
    let (host, path) =
        stripped.unwrap_or(spelling).split_once('/').unwrap_or((stripped.unwrap_or(spelling), ""));
    let registry: Registry = host.parse().ok()?;
    let is_address = stripped.is_some() || matches!(path, "v1/" | "v2/");
    let path = path.trim_end_matches('/');
    if is_address || path.is_empty() {
        Some(registry.to_string())
    } else {
        Some(format!("{registry}/{path}"))
    }
}

/// Ranks the spellings of one key: the exact one first, then those without a scheme, then
/// addresses.
fn rank<'a>(key: &str, spelling: &'a str) -> (u8, &'a str) {
    let class = if spelling == key {
        0
    } else if !spelling.contains("://") {
        1
    } else if spelling.starts_with("https://") {
        2
    } else {
        3
    };
    (class, spelling)
}

#[cfg(test)]
mod tests;
