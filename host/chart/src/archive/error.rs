//! Why an archive or a folder is not a chart.

use std::path::PathBuf;

/// An archive or a folder is not a usable chart. Each message names the entry or the file.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The content is not compressed with gzip.
    #[error("this is not a gzip archive")]
    NotGzip,
    /// The archive is cut off or damaged.
    #[error("the archive is broken: {0}")]
    Broken(String),
    /// An entry has a path that leads out of the chart, or that is not a valid path.
    #[error("entry {entry:?}: {why}")]
    Path {
        /// The path as the archive has it.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An entry is neither a file nor a folder.
    #[error("entry {entry:?} is a {kind}; a chart holds files and folders only")]
    Kind {
        /// The path.
        entry: String,
        /// The kind of entry.
        kind: &'static str,
    },
    /// Two entries have the same path.
    #[error("entry {0:?} is there twice")]
    Duplicate(String),
    /// There are too many files.
    #[error("more than {limit} files")]
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// The unpacked files are too large.
    #[error("the unpacked files are larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The archive unpacks to far more bytes than charts do.
    #[error("{compressed} bytes unpack to more than {limit}, which no chart does")]
    Bomb {
        /// Size of the archive, in bytes.
        compressed: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Archives of subcharts are nested too deeply.
    #[error("{archive}: subcharts are nested more than {limit} levels deep")]
    Depth {
        /// The archive.
        archive: String,
        /// The limit.
        limit: usize,
    },
    /// The archive of a subchart is not usable.
    #[error("{archive}: {error}")]
    Subchart {
        /// Path of the archive in the chart.
        archive: String,
        /// Why.
        #[source]
        error: Box<Self>,
    },
    /// There is no `Chart.yaml` in the chart's folder.
    #[error("there is no Chart.yaml in the chart's folder")]
    NoChartYaml,
    /// A YAML file of the chart cannot be read.
    #[error("{file}: {message}")]
    Yaml {
        /// The file.
        file: &'static str,
        /// The cause, with line and column.
        message: String,
    },
    /// A field of `Chart.yaml` is missing or wrong.
    #[error("Chart.yaml: {0}")]
    Field(String),
    /// A folder or file cannot be read.
    #[error("read {}: {error}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// A link in the folder leads out of it, or back into itself.
    #[error("{}: the link leads {}", path.display(), leads)]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        leads: &'static str,
    },
    /// A rule of `.helmignore` is not valid.
    #[error(".helmignore:{line}: {why}")]
    Ignore {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// `Chart.lock` and `Chart.yaml` disagree.
    #[error("Chart.lock does not match Chart.yaml: {0}")]
    Lock(String),
    /// A dependency leads back to a chart that needs it.
    #[error("the dependencies go in a circle: {0}")]
    Circle(String),
}

impl ArchiveError {
    /// Advice for the user.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Lock(_) => "run `helm dependency update` in the chart's folder",
            Self::Link { .. } => "copy the file into the chart's folder",
            Self::Subchart { error, .. } => return error.hint(),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}
