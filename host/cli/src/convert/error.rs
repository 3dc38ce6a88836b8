//! Errors of a conversion.

use std::io;
use std::path::PathBuf;

use longshore_plugin_host::PluginError;

/// The conversion failed and wrote nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The output file exists, and there is no terminal to ask at.
    #[error("write {}: the file exists", .0.display())]
    Exists(PathBuf),
    /// The user wants to keep the output file.
    #[error("write {}: you chose to keep the file", .0.display())]
    Kept(PathBuf),
    /// The output file cannot be written.
    #[error("write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The format is read-only.
    #[error("write the format {format}: it can only be read")]
    ReadOnly {
        /// The format.
        format: String,
    },
    /// The plugin failed to write the list.
    #[error("{error}")]
    Render {
        /// The plugin's error.
        #[source]
        error: PluginError,
        /// True if entries select tags by pattern.
        patterns: bool,
    },
}

impl ConvertError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some("give -y to overwrite it, or another file with -o".to_owned()),
            Self::Kept(_) => Some("give another file with -o".to_owned()),
            Self::Write { .. } => Some("name a writable file with -o".to_owned()),
            Self::Render { patterns: true, .. } => {
                Some("give --resolve to write one entry for each tag".to_owned())
            }
            Self::Render { error, .. } => error.hint().map(str::to_owned),
            Self::ReadOnly { .. } => Some("write one of the formats mirror and default".to_owned()),
        }
    }
}
