//! Errors of working on a plugin.

use std::path::PathBuf;

use longshore_files::ReadError;
use longshore_plugin_host::{Kind, PluginError};
use longshore_plugin_pack::PackError;

/// Explains why a plugin cannot be made, tested or measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// The name is not one that a plugin may have.
    #[error(
        "create plugin `{name}`: a name is lower-case words of letters and digits joined by single \
         hyphens, at most 64 characters"
    )]
    Name {
        /// The name, escaped for display.
        name: String,
    },
    /// The name belongs to a built-in plugin.
    #[error("create plugin `{name}`: a built-in plugin has that name")]
    Reserved {
        /// The name.
        name: String,
    },
    /// There is no template for this kind in this language.
    #[error("create a {kind} plugin in {language}: there is no template for it")]
    NoTemplate {
        /// The kind.
        kind: Kind,
        /// The language.
        language: &'static str,
    },
    /// The folder of the new plugin exists.
    #[error("create {}: it exists already", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("write {}: {error}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// A folder cannot be read.
    #[error("read {}: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        error: std::io::Error,
    },
    /// A file cannot be read.
    #[error("read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: ReadError,
    },
    /// The folder has no built component.
    #[error("find the component of {}: none of {looked} is there", path.display())]
    NotBuilt {
        /// The folder of the plugin.
        path: PathBuf,
        /// The files that were looked for.
        looked: String,
    },
    /// The component or its metadata is invalid.
    #[error("read {}: {error}", path.display())]
    Pack {
        /// The component, or `plugin.json`.
        path: PathBuf,
        /// The cause.
        error: PackError,
    },
    /// `plugin.json` is invalid.
    #[error("read {}: {error}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The cause.
        error: serde_json::Error,
    },
    /// A component has no metadata, so that its kind is not known.
    #[error("read {}: it has no metadata, and there is no plugin.json beside it", path.display())]
    NoMetadata {
        /// The component.
        path: PathBuf,
    },
    /// A fixture is invalid.
    #[error("read {}: {why}", path.display())]
    Fixture {
        /// The fixture.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There are no fixtures.
    #[error("find fixtures in {}: there is no file NAME.json", path.display())]
    NoFixtures {
        /// The folder.
        path: PathBuf,
    },
    /// Only a registry can be recorded.
    #[error("record {text}: it is not a registry")]
    NotRegistry {
        /// The name, escaped for display.
        text: String,
    },
    /// The plugin cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

impl AuthorError {
    /// Returns what the author can do, for a `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotBuilt { .. } => Some("build the plugin first; its README.md has the command"),
            Self::NoTemplate { .. } => Some("use --lang rust"),
            Self::NoMetadata { .. } => Some("put plugin.json beside the component, or pack it in"),
            Self::NoFixtures { .. } => Some("docs/writing-plugins.md shows what a fixture holds"),
            Self::Plugin(error) => error.hint(),
            _ => None,
        }
    }
}
