//! Components: their bytes, their metadata and their compiled code.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use longshore_files::read_regular;
use longshore_plugin_pack::{Metadata, PackError};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::{CodeCache, hex};
use super::embedded::{Content, EMBEDDED, Embedded};
use crate::error::LoadProblem;
use crate::escape::shown;
use crate::setup::CompileNotice;

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
    Read(Vec<u8>),
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

    /// Reads the metadata. Unpacks nothing.
    pub(crate) fn metadata(&self) -> Result<Option<Metadata>, PackError> {
        match &self.content {
            Held::BuiltIn(Content::Gzip { metadata, .. }) => {
                serde_json::from_str(metadata).map(Some).map_err(PackError::Json)
            }
            Held::BuiltIn(Content::Plain(bytes)) => longshore_plugin_pack::read(bytes),
            Held::Read(bytes) => longshore_plugin_pack::read(bytes),
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
            Held::Read(bytes) => Cow::Borrowed(bytes),
        })
    }

    /// Returns whether compiling takes seconds.
    pub(crate) fn is_large(&self) -> bool {
        const LARGE: usize = 4 * 1024 * 1024;
        let size = match &self.content {
            Held::BuiltIn(Content::Gzip { size, .. }) => *size,
            Held::BuiltIn(Content::Plain(bytes)) => bytes.len(),
            Held::Read(bytes) => bytes.len(),
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
    Ok(Source {
        sha256: Cow::Owned(hex(&Sha256::digest(&bytes))),
        content: Held::Read(bytes),
        built_in: false,
        name: shown(&name),
    })
}

/// Takes compiled code from the cache, else compiles the component and stores the code. Calls `notice`
/// before it compiles a large component.
pub(crate) fn compiled(
    engine: &Engine,
    cache: Option<&CodeCache>,
    source: &Source,
    notice: Option<&CompileNotice>,
) -> Result<Component, LoadProblem> {
    if let Some(component) = cache.and_then(|cache| cache.get(engine, &source.sha256)) {
        return Ok(component);
    }
    if let Some(notice) = notice
        && source.is_large()
    {
        notice(&source.name);
    }
    let bytes = source.bytes().map_err(|error| LoadProblem::Read(Arc::new(error.into())))?;
    let component = Component::from_binary(engine, &bytes).map_err(|error| unusable(&error))?;
    if let Some(cache) = cache {
        let kept = component
            .serialize()
            .map_err(std::io::Error::other)
            .and_then(|code| cache.put(&source.sha256, &code));
        if let Err(error) = kept {
            tracing::debug!(%error, plugin = source.name, "cannot cache the compiled plugin");
        }
    }
    Ok(component)
}

pub(crate) fn unusable(error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::Component(shown(&format!("{error:#}")))
}

/// Fails if the metadata has the name of a built-in plugin or needs a newer longshore.
pub(crate) fn check_metadata(
    source: &Source,
    metadata: Option<&Metadata>,
) -> Result<(), LoadProblem> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    // Settings belong to names, and the names of built-in plugins are reserved. A file with the same
    // component is the same plugin.
    let taken =
        |embedded: &Embedded| embedded.name == metadata.name && embedded.sha256 != source.sha256;
    if !source.built_in && EMBEDDED.iter().any(taken) {
        return Err(LoadProblem::Reserved { name: metadata.name.clone() });
    }
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
