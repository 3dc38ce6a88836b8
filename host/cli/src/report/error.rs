//! Errors of reporting.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::command::shell_command;

/// The report or the failed list could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The path of the failed list is a directory.
    #[error("write the failed list {}: it is a directory", .0.display())]
    Directory(PathBuf),
    /// The path of the failed list is `-`, which is standard output elsewhere.
    #[error("write the failed list -: standard output has the report")]
    Dash,
    /// The default path of the failed list has something else.
    #[error("write the failed list {}: {what}", .path.display())]
    Foreign {
        /// The default path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
    /// Another file appeared at the default path during the run.
    #[error(
        "write the failed list {}: another file took its place; the list is {}",
        .path.display(),
        .kept.display()
    )]
    Displaced {
        /// The default path.
        path: PathBuf,
        /// The file with the list.
        kept: PathBuf,
    },
    /// The failed list could not be written.
    #[error("write the failed list {}: {cause}", .path.display())]
    Write {
        /// The failed list, as the user named it.
        path: PathBuf,
        /// The cause.
        cause: Cause,
    },
    /// An outdated failed list could not be removed.
    #[error("remove the old failed list {}: {cause}", .path.display())]
    Remove {
        /// The failed list, as the user named it.
        path: PathBuf,
        /// The cause.
        cause: Cause,
    },
    /// The path of the page is not that of a file that can be replaced.
    #[error("write the report {}: it is not a file", .0.display())]
    PageNoFile(PathBuf),
    /// The path of the page is that of another file of the run.
    #[error("write the report {}: it is {what}", .path.display())]
    PageTaken {
        /// The page, as the user named it.
        path: PathBuf,
        /// The other file.
        what: &'static str,
    },
    /// The page could not be written.
    #[error("write the report {}: {cause}", .path.display())]
    Page {
        /// The page, as the user named it.
        path: PathBuf,
        /// The cause.
        cause: Cause,
    },
    /// Standard output could not be written.
    #[error("write to standard output: {0}")]
    Output(Cause),
}

impl ReportError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Directory(_) => "name a file with -o (--failed in mirror-charts)",
            Self::Dash => "name a file, such as ./-, or /dev/stdout to have it before the report",
            Self::Foreign { path, .. } => {
                let path = shell_command([path.to_string_lossy()]);
                return Some(format!(
                    "move it away, or name another file with -o; -o {path} writes there nevertheless \
                     (--failed in mirror-charts)"
                ));
            }
            Self::Displaced { .. } => "repeat the run with this list as -f",
            Self::Write { .. } => {
                "name a writable file with -o, or write no list with -o /dev/null (--failed in \
                 mirror-charts)"
            }
            Self::Remove { .. } => "remove the file by hand; every entry succeeded",
            Self::PageNoFile(_) | Self::PageTaken { .. } => "name another file with --report",
            Self::Page { .. } => "name a writable file with --report, or leave it out",
            Self::Output(_) => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn write(path: &Path, cause: io::Error) -> Self {
        Self::Write { path: path.to_owned(), cause: Cause(cause) }
    }

    pub(super) fn page(path: &Path, cause: io::Error) -> Self {
        Self::Page { path: path.to_owned(), cause: Cause(cause) }
    }

    pub(super) fn remove(path: &Path, cause: io::Error) -> Self {
        Self::Remove { path: path.to_owned(), cause: Cause(cause) }
    }
}

/// An error of the operating system, worded as part of a sentence.
#[derive(Debug)]
pub(crate) struct Cause(pub(super) io::Error);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("no such directory"),
            io::ErrorKind::Other | io::ErrorKind::InvalidInput => self.0.fmt(f),
            // The operating system's other texts start with a capital letter, and the crate `tempfile` adds
            // the name of a temporary file.
            kind if kind.to_string() != "uncategorized error" => kind.fmt(f),
            _ => self.0.fmt(f),
        }
    }
}
