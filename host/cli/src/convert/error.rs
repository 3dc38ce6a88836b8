//! Errors of a conversion.

use std::io;
use std::path::PathBuf;

use longshore_engine::counted;
use longshore_engine::list::STANDARD_FORMAT;
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
    /// The default path has a link, a pipe or the like.
    #[error("write {}: {what}", path.display())]
    Foreign {
        /// The default path.
        path: PathBuf,
        /// What is there.
        what: &'static str,
    },
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
    /// The format cannot express some entries. The log names each.
    #[error("write the format {format}: it cannot express {refused} of {}", counted(*entries, "entry", "entries"))]
    Inexpressible {
        /// The format.
        format: String,
        /// The number of inexpressible entries.
        refused: usize,
        /// The number of all entries.
        entries: usize,
        /// The number of those that the format could express if they named their tags.
        patterns: usize,
    },
    /// No entry is left. The log says why of each.
    #[error("convert {list}: no entry is left{}, so nothing was written", left_out(*failed))]
    NothingLeft {
        /// The list.
        list: String,
        /// The number of entries that failed or that the format cannot express.
        failed: usize,
    },
    /// The plugin failed to write the list.
    #[error(transparent)]
    Render(#[from] PluginError),
}

fn left_out(failed: usize) -> String {
    if failed == 0 { String::new() } else { format!(" ({failed} failed)") }
}

impl ConvertError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Exists(_) => Some("give -y to overwrite it, or another file with -o".to_owned()),
            Self::Foreign { .. } => Some("move it away, or name a file with -o".to_owned()),
            Self::Kept(_) => Some("give another file with -o".to_owned()),
            Self::Write { .. } => Some("name a writable file with -o".to_owned()),
            Self::Inexpressible { format, refused, entries, patterns } => {
                let resolve =
                    (*patterns > 0).then_some("give --resolve to write one entry for each tag");
                let standard = (patterns < refused && format != STANDARD_FORMAT)
                    .then_some("leave --to out to write the format mirror");
                let others =
                    (entries > refused).then_some("give --keep-going to write the other entries");
                let advice = [resolve, standard, others].into_iter().flatten();
                Some(advice.collect::<Vec<_>>().join(", or ")).filter(|advice| !advice.is_empty())
            }
            Self::NothingLeft { .. } => None,
            Self::Render(error) => error.hint().map(str::to_owned),
            Self::ReadOnly { .. } => Some("write one of the formats mirror and default".to_owned()),
        }
    }
}
