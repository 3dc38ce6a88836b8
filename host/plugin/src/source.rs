//! A component's way from a name to compiled code.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use longshore_plugin_pack::Metadata;
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::{CodeCache, hex};
use super::embedded::{EMBEDDED, Embedded};
use super::error::LoadProblem;
use super::escape::shown;

/// A component's bytes, and what is known of them without looking.
pub(super) struct Source {
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) sha256: Cow<'static, str>,
    pub(super) built_in: bool,
    /// Its name, unless its metadata gives another.
    pub(super) name: String,
}

impl Source {
    pub(super) fn built_in(embedded: &'static Embedded) -> Self {
        Self {
            bytes: Cow::Borrowed(embedded.bytes),
            sha256: Cow::Borrowed(embedded.sha256),
            built_in: true,
            name: embedded.name.to_owned(),
        }
    }
}

/// Reading, hashing and compiling would hold up every task of the thread.
pub(super) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // It is never cancelled, so that it can only have panicked: go on with that.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

pub(super) fn read(path: &Path, most: usize) -> Result<Source, LoadProblem> {
    let problem = |error| LoadProblem::Read(Arc::new(error));
    let file = std::fs::File::open(path).map_err(problem)?;
    let size = file.metadata().map_err(problem)?.len();
    let mut bytes = Vec::new();
    // What is no regular file has no size beforehand.
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(problem)?;
    if bytes.len() > most {
        let size = size.max(bytes.len() as u64);
        return Err(LoadProblem::TooLarge { size, most });
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Source {
        sha256: Cow::Owned(hex(&Sha256::digest(&bytes))),
        bytes: Cow::Owned(bytes),
        built_in: false,
        name: shown(&name),
    })
}

pub(super) fn compiled(
    engine: &Engine,
    cache: Option<&CodeCache>,
    source: &Source,
) -> Result<Component, LoadProblem> {
    if let Some(component) = cache.and_then(|cache| cache.get(engine, &source.sha256)) {
        return Ok(component);
    }
    let component =
        Component::from_binary(engine, &source.bytes).map_err(|error| unusable(&error))?;
    if let Some(cache) = cache {
        let kept = component
            .serialize()
            .map_err(std::io::Error::other)
            .and_then(|code| cache.put(&source.sha256, &code));
        if let Err(error) = kept {
            tracing::debug!(%error, plugin = source.name, "the compiled plugin is not cached");
        }
    }
    Ok(component)
}

pub(super) fn unusable(error: &wasmtime::Error) -> LoadProblem {
    LoadProblem::Component(shown(&format!("{error:#}")))
}

/// What metadata may not say.
pub(super) fn check_metadata(
    source: &Source,
    metadata: Option<&Metadata>,
) -> Result<(), LoadProblem> {
    let Some(metadata) = metadata else {
        return Ok(());
    };
    // Settings and credentials belong to names, and these names are ours. The same component by its
    // path is the same plugin.
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

/// Whether a version asks for more than ours; what is no version does.
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
