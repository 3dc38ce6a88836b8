//! The folder of `--artifact-dir`, which keeps the archives of charts.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use longshore_chart::config::Upstream;
use longshore_chart::source::Fetched;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::failure::GatherError;

/// What is escaped in the name of a folder. An escaped dot leads nowhere else.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The folder below `root` for the archives of each upstream: `root` itself, but where upstreams have one
/// chart name, each has a folder with its key. They could have the same versions with other content. Without a
/// root there are no folders.
pub(super) fn folders(root: Option<&Path>, upstreams: &[Upstream]) -> Vec<PathBuf> {
    let Some(root) = root else { return Vec::new() };
    let of = |upstream: &Upstream| {
        let mut others = upstreams.iter().filter(|other| other.key != upstream.key);
        if others.any(|other| other.chart == upstream.chart) {
            root.join(utf8_percent_encode(&upstream.key, NAME).to_string())
        } else {
            root.to_owned()
        }
    };
    upstreams.iter().map(of).collect()
}

/// Keeps the archive of a chart, and its provenance file, under the name that Helm gives it.
pub(super) async fn keep(folder: &Path, fetched: &Fetched) -> Result<(), GatherError> {
    let metadata = &fetched.chart.metadata;
    let name = format!("{}-{}.tgz", metadata.name, metadata.version);
    let failed =
        |error| GatherError::Keep { name: folder.join(&name).display().to_string(), error };
    tokio::fs::create_dir_all(folder).await.map_err(failed)?;
    let mut files = vec![(name.clone(), fetched.archive.clone())];
    files.extend(fetched.provenance.clone().map(|file| (format!("{name}.prov"), file)));
    for (name, content) in files {
        let (folder, path) = (folder.to_owned(), folder.join(name));
        let written = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&content)?;
            file.persist(path).map(|_| ()).map_err(|error| error.error)
        });
        written.await.map_err(io::Error::other).and_then(|done| done).map_err(failed)?;
    }
    Ok(())
}
