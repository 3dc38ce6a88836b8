//! Why a list cannot be used at all.

use std::path::PathBuf;

use longshore_plugin_host::PluginError;

/// The list as a whole is of no use; nothing was copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// It cannot be read.
    #[error("read the image list {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It is a folder.
    #[error("read the image list {}: it is a folder", .0.display())]
    Folder(PathBuf),
    /// It is larger than any list that a person means.
    #[error("read the image list {}: it has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// It is no UTF-8.
    #[error("read the image list {name}: line {line} is not UTF-8 text")]
    NotText {
        /// The file's name.
        name: String,
        /// From 1.
        line: u32,
    },
    /// There is nothing to mirror in it.
    #[error("read the image list {name}: it has no entries")]
    Empty {
        /// The file's name.
        name: String,
        /// What a line is, if the format says so.
        line_hint: Option<String>,
    },
    /// No plugin knows its format.
    #[error("read the image list {name}: no known format")]
    NoFormat {
        /// The file's name.
        name: String,
        /// The formats that were asked.
        known: Vec<String>,
    },
    /// Two plugins are equally sure.
    #[error(
        "read the image list {name}: it may be in the format {first} or {second}, both are equally sure"
    )]
    Ambiguous {
        /// The file's name.
        name: String,
        /// One format.
        first: String,
        /// The other.
        second: String,
    },
    /// The plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

impl ListError {
    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("-f (convert-list: -i) names the file, and - is standard input".to_owned())
            }
            Self::Folder(_) => Some("-f names a file".to_owned()),
            Self::TooLarge { .. } => Some("split it into several lists".to_owned()),
            Self::NotText { .. } => Some("save it as UTF-8".to_owned()),
            Self::Empty { line_hint, .. } => line_hint.clone(),
            Self::NoFormat { known, .. } => {
                Some(format!("known formats are {}; --list-format forces one", known.join(", ")))
            }
            Self::Ambiguous { .. } => Some("say which with --list-format".to_owned()),
            Self::Plugin(error) => error.hint().map(str::to_owned),
        }
    }
}
