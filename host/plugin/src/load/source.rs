//! Components: their bytes, their metadata and their compiled code.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use longshore_files::read_regular;
use longshore_plugin_pack::{Metadata, PackError};

use super::embedded::{Content, EMBEDDED, Embedded};
use super::info::{ComponentInfo, digest};
use crate::error::LoadProblem;
use crate::escape::shown;

/// The bytes of a component and where they come from.
pub(crate) struct Source {
    content: Held,
    pub(crate) sha256: Cow<'static, str>,
    pub(crate) built_in: bool,
    /// The name of the plugin if the metadata gives none.
    pub(crate) name: String,
}

/// A component in the binary or in memory.
enum Held {
    BuiltIn(Content),
    Read(Vec<u8>, Box<ComponentInfo>),
}

impl Source {
    pub(crate) fn built_in(embedded: &'static Embedded) -> Self {
        Self {
            content: Held::BuiltIn(embedded.content),
            sha256: Cow::Borrowed(embedded.sha256),
            built_in: true,
            name: embedded.name.to_owned(),
        }
    }

    /// Takes the bytes of a component that is not built in. `name` is used if the metadata has none.
    pub(crate) fn of_bytes(bytes: Vec<u8>, name: String) -> Result<Self, LoadProblem> {
        let sha256 = digest(&bytes);
        Self::with_digest(bytes, name, sha256)
    }

    /// Takes the bytes of a component as [`Source::of_bytes`] does. `sha256` is their digest.
    pub(crate) fn with_digest(
        bytes: Vec<u8>,
        name: String,
        sha256: String,
    ) -> Result<Self, LoadProblem> {
        let info = ComponentInfo::with_digest(&bytes, sha256)?;
        let sha256 = Cow::Owned(info.sha256.clone());
        Ok(Self { content: Held::Read(bytes, Box::new(info)), sha256, built_in: false, name })
    }

    /// Returns what a component that is not built in says about itself.
    pub(crate) fn info(&self) -> Option<&ComponentInfo> {
        match &self.content {
            Held::BuiltIn(_) => None,
            Held::Read(_, info) => Some(info),
        }
    }

    /// Reads the metadata. Unpacks nothing.
    pub(crate) fn metadata(&self) -> Result<Option<Metadata>, PackError> {
        match &self.content {
            Held::BuiltIn(Content::Gzip { metadata, .. }) => {
                serde_json::from_str(metadata).map(Some).map_err(PackError::Json)
            }
            Held::BuiltIn(Content::Plain(bytes)) => longshore_plugin_pack::read(bytes),
            Held::Read(_, info) => Ok(info.metadata.clone()),
        }
    }

    /// Returns the component. Unpacks it if it is compressed.
    pub(crate) fn bytes(&self) -> std::io::Result<Cow<'_, [u8]>> {
        Ok(match &self.content {
            Held::BuiltIn(Content::Gzip { bytes, size, .. }) => {
                let mut unpacked = Vec::with_capacity(*size);
                GzDecoder::new(*bytes).read_to_end(&mut unpacked)?;
                Cow::Owned(unpacked)
            }
            Held::BuiltIn(Content::Plain(bytes)) => Cow::Borrowed(*bytes),
            Held::Read(bytes, _) => Cow::Borrowed(bytes),
        })
    }

    /// Returns whether compiling takes seconds.
    pub(crate) fn is_large(&self) -> bool {
        const LARGE: usize = 4 * 1024 * 1024;
        let size = match &self.content {
            Held::BuiltIn(Content::Gzip { size, .. }) => *size,
            Held::BuiltIn(Content::Plain(bytes)) => bytes.len(),
            Held::Read(bytes, _) => bytes.len(),
        };
        size >= LARGE
    }
}

/// Runs work that would block other tasks: reading, hashing and compiling.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The task is never cancelled, so that the only possible error is a panic.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Reads a component of at most `most` bytes.
pub(crate) fn read(path: &Path, most: usize) -> Result<Source, LoadProblem> {
    let bytes =
        read_regular(path, most as u64).map_err(|error| LoadProblem::Read(Arc::new(error)))?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Source::of_bytes(bytes, shown(&name))
}

/// Returns whether a list format with these probe words and file names may read a text.
pub(crate) fn may_read(
    words: &[impl AsRef<str>],
    names: &[impl AsRef<str>],
    file_name: &str,
    head: &str,
) -> bool {
    words.is_empty()
        || words.iter().any(|word| head.contains(word.as_ref()))
        || names.iter().any(|ending| file_name.ends_with(ending.as_ref()))
}

pub(crate) fn unusable(error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::Component(shown(&format!("{error:#}")))
}

/// Fails if a plugin that is not built in has the name of one that is, or needs a newer longshore.
pub(crate) fn check_metadata(
    source: &Source,
    metadata: Option<&Metadata>,
) -> Result<(), LoadProblem> {
    // Settings belong to names, and the names of built-in plugins are reserved, even if only the name of a
    // file gives one. A file with the same component is the same plugin.
    let name = metadata.map_or(&source.name, |metadata| &metadata.name);
    let taken = |embedded: &Embedded| embedded.name == name && embedded.sha256 != source.sha256;
    if !source.built_in && EMBEDDED.iter().any(taken) {
        return Err(LoadProblem::Reserved { name: name.clone() });
    }
    let Some(metadata) = metadata else {
        return Ok(());
    };
    let here = env!("CARGO_PKG_VERSION");
    match &metadata.least_host_version {
        Some(needs) if is_newer(needs, here) => {
            Err(LoadProblem::HostTooOld { needs: shown(needs), here })
        }
        _ => Ok(()),
    }
}

/// Returns whether a version is newer than ours. An invalid version counts as newer.
fn is_newer(needs: &str, here: &str) -> bool {
    let numbers = |version: &str| -> Option<Vec<u64>> {
        let release = version.split(['-', '+']).next()?;
        release.split('.').map(|part| part.parse().ok()).collect()
    };
    match (numbers(needs), numbers(here)) {
        (Some(needs), Some(here)) => needs > here,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_newer("0.10.0", "0.9.0"));
        assert!(is_newer("1", "0.9.0"));
        assert!(is_newer("soon", "0.9.0"));
        assert!(!is_newer("0.9", "0.9.0"));
        assert!(!is_newer("0.9.0", "0.9.0"));
    }
}
