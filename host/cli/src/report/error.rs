//! What can go wrong while reporting.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a report could not be given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// There is a directory where the failed list is to be written.
    #[error("write the failed list {}: it is a directory", .0.display())]
    Directory(PathBuf),
    /// The failed list could not be written.
    #[error("write the failed list {}: {cause}", .path.display())]
    Write {
        /// The failed list, as it was named.
        path: PathBuf,
        /// Why not.
        cause: Cause,
    },
    /// An older failed list, which no longer holds, could not be removed.
    #[error("remove the old failed list {}: {cause}", .path.display())]
    Remove {
        /// The failed list, as it was named.
        path: PathBuf,
        /// Why not.
        cause: Cause,
    },
    /// Standard output could not be written.
    #[error("write to standard output: {0}")]
    Output(Cause),
}

impl ReportError {
    /// What can be done about it.
    pub(crate) const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Directory(_) => Some("name a file with -o"),
            Self::Write { .. } => {
                Some("name a place that can be written with -o, such as -o /dev/null for none")
            }
            Self::Remove { .. } => Some("every entry is done; remove the file by hand"),
            Self::Output(_) => None,
        }
    }

    pub(super) fn write(path: &Path, cause: io::Error) -> Self {
        Self::Write { path: path.to_owned(), cause: Cause(cause) }
    }

    pub(super) fn remove(path: &Path, cause: io::Error) -> Self {
        Self::Remove { path: path.to_owned(), cause: Cause(cause) }
    }
}

/// An error of the operating system, in words that fit into a sentence.
#[derive(Debug)]
pub(crate) struct Cause(pub(super) io::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("no such directory"),
            io::ErrorKind::Other | io::ErrorKind::InvalidInput => self.0.fmt(f),
            // Other texts of the operating system start with a capital letter, and the crate
            // `tempfile` adds the name of a file that nobody asked for.
            kind if kind.to_string() != "uncategorized error" => kind.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}
