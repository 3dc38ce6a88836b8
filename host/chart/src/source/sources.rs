//! The sources of a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use longshore_oci::{Digest, version_of_tag};
use longshore_registry::Registries;
use tokio::sync::OnceCell;
use url::Url;

use super::archives::KeptArchives;
use super::error::SourceError;
use super::fetched::Fetched;
use super::helm::HelmRepositories;
use super::index::Index;
use crate::archive::Chart;
use crate::config::{Origin, VersionWish, nearest};

/// An index that all charts of a repository share, or why there is none.
type SharedIndex = Arc<OnceCell<Result<Arc<Index>, Arc<SourceError>>>>;

/// Finds and fetches charts. Each `index.yaml` is read once per run.
#[derive(Debug)]
pub struct Sources {
    pub(super) registries: Registries,
    pub(super) helm: HelmRepositories,
    pub(super) archives: Option<KeptArchives>,
    pub(super) indexes: Mutex<HashMap<Url, SharedIndex>>,
}

/// A wish for versions that cannot be fulfilled.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unfulfilled {
    /// The version or range as written.
    pub wish: String,
    /// Why.
    #[source]
    pub error: Arc<SourceError>,
}

impl Sources {
    /// Makes the sources of a run; nothing is contacted. `archives` are those of earlier runs.
    pub fn new(
        registries: Registries,
        helm: HelmRepositories,
        archives: Option<KeptArchives>,
    ) -> Self {
        Self { registries, helm, archives, indexes: Mutex::default() }
    }

    /// Returns the archive with this digest, if an earlier run fetched it.
    pub(super) async fn kept(&self, digest: &Digest) -> Option<Bytes> {
        self.archives.as_ref()?.get(digest).await
    }

    /// Keeps an archive whose digest was verified for later runs.
    pub(super) async fn keep(&self, digest: &Digest, archive: &Bytes) {
        if let Some(archives) = &self.archives {
            archives.keep(digest, archive).await;
        }
    }

    /// Chooses the versions of a chart: one item for each version, and one for each wish that cannot
    /// be fulfilled, in the order of the wishes.
    pub async fn choose(
        &self,
        origin: &Origin,
        chart: &str,
        wishes: &[VersionWish],
    ) -> Vec<Result<String, Unfulfilled>> {
        let only_exact = wishes.iter().all(|wish| matches!(wish, VersionWish::Exact(_)));
        // A registry is asked for one version without a list of all.
        let existing = match origin {
            Origin::Oci { .. } if only_exact => Ok(None),
            _ => self.existing(origin, chart).await.map(Some),
        };
        let existing = match existing {
            Ok(existing) => existing,
            Err(error) => {
                let error = Arc::new(error);
                let failed = |wish: &VersionWish| {
                    Err(Unfulfilled { wish: wish.to_string(), error: Arc::clone(&error) })
                };
                return wishes.iter().map(failed).collect();
            }
        };
        let place = place_of(origin, chart);
        let mut chosen: Vec<Result<String, Unfulfilled>> = Vec::new();
        for wish in wishes {
            for version in fulfilled(wish, existing.as_deref(), chart, &place) {
                let is_new =
                    !chosen.iter().flatten().any(|known| version.as_ref().ok() == Some(known));
                if is_new {
                    chosen.push(version.map_err(|error| Unfulfilled {
                        wish: wish.to_string(),
                        error: Arc::new(error),
                    }));
                }
            }
        }
        chosen
    }

    /// The versions of a chart that exist.
    async fn existing(&self, origin: &Origin, chart: &str) -> Result<Vec<String>, SourceError> {
        match origin {
            Origin::Repo(url) => self.repo_versions(url, chart).await,
            Origin::Oci { registry, path } => {
                self.oci_versions(registry, path.as_ref(), chart).await
            }
            Origin::Local(path) => Ok(vec![self.local_version(path).await?]),
        }
    }

    /// Fetches one version of a chart, and its provenance file if `provenance` says so.
    ///
    /// # Errors
    /// If it cannot be fetched, does not match its digest, or is not the chart that was asked for.
    pub async fn fetch(
        &self,
        origin: &Origin,
        chart: &str,
        version: &str,
        provenance: bool,
    ) -> Result<Fetched, SourceError> {
        match origin {
            Origin::Local(path) => self.fetch_local(path, chart, version, provenance).await,
            Origin::Repo(url) => self.fetch_repo(url, chart, version, provenance).await,
            Origin::Oci { registry, path } => {
                self.fetch_oci(registry, path.as_ref(), chart, version).await
            }
        }
    }

    /// The cell of the index at `url`.
    pub(super) fn index_cell(&self, url: &Url) -> SharedIndex {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(indexes.entry(url.clone()).or_default())
    }
}

/// The versions that fulfil a wish, or the error that says that none does.
fn fulfilled(
    wish: &VersionWish,
    existing: Option<&[String]>,
    chart: &str,
    place: &str,
) -> Vec<Result<String, SourceError>> {
    let Some(existing) = existing else {
        return vec![Ok(wish.to_string())];
    };
    let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
    let found: Vec<&str> = match wish {
        VersionWish::Exact(wanted) => same_version(wanted, &existing).into_iter().collect(),
        _ => wish.choose(&existing),
    };
    if found.is_empty() {
        return vec![Err(no_version(chart, &wish.to_string(), place, &existing))];
    }
    found.into_iter().map(|version| Ok(version.to_owned())).collect()
}

/// The version as it is written, or else an equal one such as `v1.2.0` for `1.2`.
pub(super) fn same_version<'a>(wanted: &str, existing: &[&'a str]) -> Option<&'a str> {
    let exact = existing.iter().find(|version| **version == wanted);
    let build = |text: &str| text.split_once('+').map(|(_, build)| build.to_owned());
    let equal = |version: &&&str| {
        version_of_tag(version).is_some_and(|found| Some(found) == version_of_tag(wanted))
            && build(version) == build(wanted)
    };
    exact.or_else(|| existing.iter().find(equal)).copied()
}

pub(super) fn no_version(chart: &str, wanted: &str, place: &str, existing: &[&str]) -> SourceError {
    SourceError::NoVersion {
        chart: chart.to_owned(),
        wanted: wanted.to_owned(),
        place: place.to_owned(),
        nearest: nearest(wanted, existing).into_iter().map(str::to_owned).collect(),
    }
}

/// The place of a chart, for messages.
fn place_of(origin: &Origin, chart: &str) -> String {
    match origin {
        Origin::Repo(url) => url.to_string(),
        Origin::Oci { registry, path: Some(path) } => format!("oci://{registry}/{path}/{chart}"),
        Origin::Oci { registry, path: None } => format!("oci://{registry}/{chart}"),
        Origin::Local(path) => path.display().to_string(),
    }
}

/// Unpacks an archive on a thread that may block, and checks its name and version.
pub(super) async fn checked(
    archive: Bytes,
    place: &str,
    chart: &str,
    version: &str,
) -> Result<Chart, SourceError> {
    let unpacked = tokio::task::spawn_blocking(move || Chart::of_archive(&archive)).await;
    let unpacked = unpacked.map_err(|error| SourceError::File {
        path: place.into(),
        error: std::io::Error::other(error),
    })?;
    let unpacked = unpacked.map_err(|error| SourceError::Archive {
        place: place.to_owned(),
        error: Box::new(error),
    })?;
    let mismatch = |field, found: &str, expected: &str| SourceError::Mismatch {
        place: place.to_owned(),
        field,
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    let metadata = &unpacked.metadata;
    if metadata.name != chart {
        return Err(mismatch("name", &metadata.name, chart));
    }
    // A tag has `_` where the version has `+`.
    let found = [metadata.version.as_str(), &metadata.tag()].map(str::to_owned);
    if same_version(version, &[&found[0], &found[1]]).is_none() {
        return Err(mismatch("version", &metadata.version, version));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use super::same_version;

    #[test]
    fn equal_versions_may_be_written_in_another_way() {
        let existing = ["1.2.0", "v1.3.0", "1.4.0+a", "1.4.0"];
        assert_eq!(same_version("1.2", &existing), Some("1.2.0"));
        assert_eq!(same_version("1.3.0", &existing), Some("v1.3.0"));
        assert_eq!(same_version("1.4.0", &existing), Some("1.4.0"), "the exact one comes first");
        assert_eq!(same_version("1.4.0+a", &existing), Some("1.4.0+a"));
        assert_eq!(same_version("1.4.0+b", &existing), None, "builds differ");
    }
}
