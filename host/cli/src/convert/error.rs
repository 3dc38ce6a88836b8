//! Why a list cannot be converted.

use std::io;
use std::path::PathBuf;

use longshore_plugin_host::PluginError;

/// Nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The file is there, and nobody can be asked.
    #[error("write {}: the file exists", .0.display())]
    Exists(PathBuf),
    /// Somebody was asked and wants to keep the file.
    #[error("write {}: it is kept, as you say", .0.display())]
    Kept(PathBuf),
    /// The list cannot be put there.
    #[error("write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// The format can be read only.
    #[error("write the format {format}: it can only be read")]
    ReadOnly {
        /// The format.
        format: String,
    },
    /// The plugin did not write the list.
    #[error("{error}")]
    Render {
        /// What it says.
        #[source]
        error: PluginError,
        /// Are there entries that select tags by pattern?
        patterns: bool,
    },
}

impl ConvertError {
    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some("give -y to overwrite it, or another file with -o".to_owned()),
            Self::Kept(_) => Some("give another file with -o".to_owned()),
            Self::Write { .. } => Some("name a place that can be written with -o".to_owned()),
            Self::Render { patterns: true, .. } => {
                Some("--resolve asks the registries, and writes each tag by itself".to_owned())
            }
            Self::Render { error, .. } => error.hint().map(str::to_owned),
            Self::ReadOnly { .. } => {
                Some("formats that can be written are mirror and default".to_owned())
            }
        }
    }
}
