//! Charts in folders and archives on this machine.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use longshore_files::{ReadError, read_regular};
use longshore_oci::Registry;
use url::Url;

use super::archives::PROVENANCE_LIMIT;
use super::error::SourceError;
use super::fetched::Fetched;
use super::sources::{Sources, checked};
use crate::archive::{
    ARCHIVE_LIMIT, ArchiveError, Chart, ChartFolder, Locked, Metadata, metadata_in,
};
use crate::config::{Origin, VersionWish};

impl Sources {
    /// Packs a folder, or reads an archive.
    pub(super) async fn fetch_local(
        &self,
        path: &Path,
        chart: &str,
        version: &str,
        provenance: bool,
    ) -> Result<Fetched, SourceError> {
        let place = path.display().to_string();
        let (archive, provenance) = if path.is_dir() {
            let folder = in_folder(path, ChartFolder::read).await?;
            (self.packed(folder, path).await?, None)
        } else {
            let mut beside = path.as_os_str().to_owned();
            beside.push(".prov");
            let beside = PathBuf::from(beside);
            let file = match provenance && beside.is_file() {
                true => Some(read(&beside, PROVENANCE_LIMIT).await?),
                false => None,
            };
            (read(path, ARCHIVE_LIMIT).await?, file)
        };
        let chart = checked(archive.clone(), &place, chart, version).await?;
        Ok(Fetched { chart, archive, provenance, created: None, place, reference: None })
    }

    /// Fetches the dependencies that the folder lacks, and packs it.
    async fn packed(&self, mut folder: ChartFolder, path: &Path) -> Result<Bytes, SourceError> {
        for (place, locked) in folder.missing() {
            let fetched =
                self.dependency(&locked).await.map_err(|error| SourceError::Dependency {
                    name: locked.dependency.name.clone(),
                    chart: path.to_owned(),
                    error: Box::new(error),
                })?;
            let Metadata { name, version, .. } = &fetched.chart.metadata;
            folder.add(&place, name, version, fetched.archive.to_vec());
        }
        let packed = tokio::task::spawn_blocking(move || folder.pack()).await;
        packed.map(Bytes::from).map_err(|error| unreadable(path)(std::io::Error::other(error)))
    }

    async fn dependency(&self, locked: &Locked) -> Result<Fetched, SourceError> {
        let origin = self.origin_of(&locked.dependency.repository)?;
        let name = &locked.dependency.name;
        let text = if locked.version.trim().is_empty() { "latest" } else { &locked.version };
        // The folder's range was parsed before.
        let wish = VersionWish::parse(text).unwrap_or(VersionWish::Latest(1));
        let mut chosen = self.choose(&origin, name, &[wish]).await;
        // The highest version comes first.
        let version = match chosen.drain(..).next() {
            Some(Ok(version)) => version,
            Some(Err(unfulfilled)) => return Err(unfulfilled.error.into()),
            None => text.to_owned(),
        };
        // Boxed, because the chart in a folder has dependencies. No dependency is in a folder.
        Box::pin(self.fetch(&origin, name, &version, false)).await
    }

    /// The source that a dependency's `repository` names.
    fn origin_of(&self, text: &str) -> Result<Origin, SourceError> {
        let refused = |why| SourceError::Repository(text.to_owned(), why);
        let alias = text.strip_prefix('@').or_else(|| text.strip_prefix("alias:"));
        if let Some(alias) = alias {
            let url = self.helm.named(alias);
            return url.map(Origin::Repo).ok_or_else(|| refused("Helm knows no such repository"));
        }
        if let Some(rest) = text.strip_prefix("oci://") {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let registry: Registry =
                host.parse().map_err(|_| refused("it does not name a registry"))?;
            let path = path.trim_matches('/');
            let path = match path {
                "" => None,
                path => Some(path.parse().map_err(|_| refused("it is not a path in a registry"))?),
            };
            return Ok(Origin::Oci { registry, path });
        }
        let url = Url::parse(text).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.map(Origin::Repo).ok_or_else(|| refused("it is none of file://, https:// and oci://"))
    }
}

impl Sources {
    /// The version of a local chart.
    pub(super) async fn local_version(&self, path: &Path) -> Result<String, SourceError> {
        if path.is_dir() {
            return Ok(in_folder(path, metadata_in).await?.version);
        }
        let archive = read(path, ARCHIVE_LIMIT).await?;
        let chart = in_folder(path, move |_| Chart::of_archive(&archive)).await?;
        Ok(chart.metadata.version)
    }
}

/// Runs `work` for a path on a thread that may block.
async fn in_folder<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, SourceError> {
    let owned = path.to_owned();
    let done = tokio::task::spawn_blocking(move || work(&owned)).await;
    let done = done.map_err(|error| unreadable(path)(std::io::Error::other(error)))?;
    done.map_err(|error| SourceError::Archive {
        place: path.display().to_string(),
        error: Box::new(error),
    })
}

/// Reads a file on a thread that may block.
async fn read(path: &Path, limit: u64) -> Result<Bytes, SourceError> {
    let owned = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_regular(&owned, limit)).await;
    let read = read.map_err(std::io::Error::other).map_err(unreadable(path))?;
    read.map(Bytes::from).map_err(|error| match error {
        ReadError::System(error) => unreadable(path)(error),
        error => unreadable(path)(std::io::Error::other(error)),
    })
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> SourceError {
    let path = path.to_owned();
    |error| SourceError::File { path, error }
}
