//! Why a chart cannot be fetched.

use std::path::PathBuf;
use std::sync::Arc;

use longshore_oci::ReferenceError;
use longshore_registry::RegistryError;
use longshore_store::StoreError;

use crate::archive::ArchiveError;

/// A chart cannot be fetched; fits after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A chart repository does not answer, or refuses.
    #[error(transparent)]
    Download(#[from] RegistryError),
    /// A chart repository refuses a login.
    #[error("{error}; the user was {username:?}")]
    Refused {
        /// Its answer.
        #[source]
        error: RegistryError,
        /// The user name of the login.
        username: String,
    },
    /// A registry does not answer, or refuses.
    #[error(transparent)]
    Registry(#[from] StoreError),
    /// An `index.yaml` cannot be read.
    #[error("read {url}: {message}")]
    Index {
        /// Its address.
        url: String,
        /// The cause, with line and column.
        message: String,
    },
    /// A file is compressed once more than it should be.
    #[error("read {url}: it is compressed ({encoding}), which was not asked for")]
    Encoded {
        /// Its address.
        url: String,
        /// The encoding, such as `gzip`.
        encoding: String,
    },
    /// An error of an `index.yaml` that several charts need.
    #[error(transparent)]
    Shared(#[from] Arc<Self>),
    /// The repository does not have the chart.
    #[error("find chart {chart} in {place}: there is no chart of that name{}", like(similar))]
    NoChart {
        /// The chart.
        chart: String,
        /// The repository.
        place: String,
        /// Names of charts that are like it.
        similar: Vec<String>,
    },
    /// The chart does not have the version.
    #[error("find {chart} {wanted} in {place}: {}", no_version(nearest))]
    NoVersion {
        /// The chart.
        chart: String,
        /// The version or range.
        wanted: String,
        /// Where it was looked for.
        place: String,
        /// The nearest versions that exist, the highest first.
        nearest: Vec<String>,
    },
    /// An address in an `index.yaml` cannot be used.
    #[error("fetch {chart} {version}: the index has {url:?}, which is not an address of a chart")]
    Address {
        /// The chart.
        chart: String,
        /// The version.
        version: String,
        /// The address.
        url: String,
    },
    /// The archive is not the one of the index.
    #[error("fetch chart {url}: content has digest {found}, and the index has {expected}")]
    Digest {
        /// The archive's address.
        url: String,
        /// The digest in the index.
        expected: String,
        /// The digest of the archive.
        found: String,
    },
    /// An artifact in a registry is not a chart.
    #[error("fetch chart {reference}: {why}")]
    NotAChart {
        /// The artifact.
        reference: String,
        /// Why it is not a chart.
        why: String,
    },
    /// The archive or the folder is not a usable chart.
    #[error("read chart {place}: {error}")]
    Archive {
        /// The address or the path.
        place: String,
        /// Why.
        #[source]
        error: Box<ArchiveError>,
    },
    /// `Chart.yaml` has another name or version than was asked for.
    #[error("read chart {place}: Chart.yaml has {field} {found:?}, expected {expected:?}")]
    Mismatch {
        /// The address or the path.
        place: String,
        /// `name` or `version`.
        field: &'static str,
        /// The value in `Chart.yaml`.
        found: String,
        /// The value that was asked for.
        expected: String,
    },
    /// A name or a version cannot be part of a reference.
    #[error("use {what} {text:?} in a registry: {error}")]
    Name {
        /// What it is.
        what: &'static str,
        /// The text.
        text: String,
        /// Why not.
        #[source]
        error: ReferenceError,
    },
    /// A dependency of a local chart cannot be fetched.
    #[error("fetch dependency {name} of {}: {error}", chart.display())]
    Dependency {
        /// The dependency.
        name: String,
        /// The folder of the chart.
        chart: PathBuf,
        /// Why.
        #[source]
        error: Box<Self>,
    },
    /// The repository of a dependency cannot be used.
    #[error("use repository {0:?}: {1}")]
    Repository(String, &'static str),
    /// A file cannot be read.
    #[error("read {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
}

fn like(similar: &[String]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    format!("; it has {}", similar.join(", "))
}

fn no_version(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "it has no version".to_owned();
    }
    format!("there is no such version; the nearest are {}", nearest.join(", "))
}

impl SourceError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Download(error) if error.cause.status() == Some(401) => Some(
                "give user name and password in [repositories.\"URL\"] of the settings file, in LONGSHORE_AUTH_…, or with `helm repo add`"
                    .to_owned(),
            ),
            Self::Refused { .. } => Some(
                "correct the login: the one of [repositories.\"URL\"] in the settings file comes first, then LONGSHORE_AUTH_…, then `helm repo add`"
                    .to_owned(),
            ),
            Self::Download(error) if error.is_not_found() => {
                Some("check the URL of the repository".to_owned())
            }
            Self::Download(error) => error.hint(),
            Self::Index { .. } => Some(
                "give the URL that `helm repo add` takes: its index.yaml must be an index of charts"
                    .to_owned(),
            ),
            Self::Encoded { .. } => Some(
                "let the server and the proxies on the way send the file unchanged, or add its host to NO_PROXY"
                    .to_owned(),
            ),
            Self::Registry(error) => error.hint.clone(),
            Self::Shared(error) => error.hint(),
            Self::Archive { error, .. } => error.hint(),
            Self::Dependency { error, .. } => error.hint(),
            Self::Digest { .. } => Some(
                "the archive was replaced or altered: ask the owner of the repository".to_owned(),
            ),
            Self::Repository(..) => Some("add the repository with `helm repo add`".to_owned()),
            _ => None,
        }
    }
}
