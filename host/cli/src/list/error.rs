//! Errors that concern a whole list.

use std::path::PathBuf;

use longshore_engine::list::Diagnostic;
use longshore_plugin_host::PluginError;

use super::refusal::Refusal;

/// The list cannot be used; nothing was copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// The file cannot be read.
    #[error("read the image list {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// The file is a folder.
    #[error("read the image list {}: it is a folder", .0.display())]
    Folder(PathBuf),
    /// The file is larger than any list that a user means.
    #[error("read the image list {}: it has more than {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file is not UTF-8.
    #[error("read the image list {name}: line {line} is not UTF-8 text")]
    NotText {
        /// The name of the list.
        name: String,
        /// The line, from 1.
        line: u32,
    },
    /// The list has no entries. The remarks say what the format left out.
    #[error("read the image list {name}: it has no entries")]
    Empty {
        /// The name of the list.
        name: String,
        /// What a line is, if the format has lines.
        line_hint: Option<String>,
        /// The warnings of the format.
        remarks: Vec<Diagnostic>,
    },
    /// Everything in the list is malformed.
    #[error("read the image list {name}: nothing in it can be read as {format}")]
    Malformed {
        /// The name of the list.
        name: String,
        /// The format.
        format: String,
        /// The errors and warnings of the format.
        remarks: Vec<Diagnostic>,
    },
    /// No plugin knows the format.
    #[error("read the image list {name}: no known format")]
    NoFormat {
        /// The name of the list.
        name: String,
        /// The formats that were asked.
        known: Vec<String>,
        /// The reasons.
        refusal: Refusal,
    },
    /// No plugin knows the format, and an installed one that may know it cannot be used.
    #[error("{error}")]
    Unread {
        /// The name of the list.
        name: String,
        /// Why the others do not know it.
        refusal: Refusal,
        /// Why the plugin cannot be used.
        #[source]
        error: Box<PluginError>,
    },
    /// Two plugins are equally sure.
    #[error(
        "read the image list {name}: it may be in the format {first} or {second}, both are equally sure"
    )]
    Ambiguous {
        /// The name of the list.
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
    /// Adds the names of all formats to the error for a text that none knows.
    pub(crate) fn with_known(mut self, names: &[&str]) -> Self {
        if let Self::NoFormat { known, .. } = &mut self {
            *known = names.iter().map(|name| (*name).to_owned()).collect();
        }
        self
    }

    /// Turns the error for a text that no format knows into that of a plugin that cannot be used.
    pub(crate) fn because_of(self, unusable: Option<PluginError>) -> Self {
        match (self, unusable) {
            (Self::NoFormat { name, refusal, .. }, Some(error)) => {
                Self::Unread { name, refusal, error: Box::new(error) }
            }
            (error, _) => error,
        }
    }

    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => {
                Some("-f (convert-list: -i) names the file, and - is standard input".to_owned())
            }
            Self::Folder(_) => Some("-f names a file".to_owned()),
            Self::TooLarge { .. } => Some("split it into several lists".to_owned()),
            Self::NotText { .. } => Some("save it as UTF-8".to_owned()),
            Self::Empty { line_hint, remarks, .. } => match (line_hint, remarks.as_slice()) {
                (Some(hint), _) => Some(hint.clone()),
                (None, []) => None,
                (None, _) => Some("the warnings above say what was left out".to_owned()),
            },
            Self::Malformed { .. } => Some("correct what the errors above name".to_owned()),
            Self::NoFormat { known, refusal, .. } => {
                if let Some(advice) = refusal.advice() {
                    return Some(advice.to_owned());
                }
                Some(format!("known formats are {}; --list-format forces one", known.join(", ")))
            }
            Self::Ambiguous { .. } => Some("say which with --list-format".to_owned()),
            Self::Unread { error, .. } => error.hint().map(str::to_owned),
            Self::Plugin(error) => error.hint().map(str::to_owned),
        }
    }
}
