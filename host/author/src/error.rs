//! Errors of working on a plugin.

use std::path::PathBuf;

use longshore_files::ReadError;
use longshore_plugin_host::PluginError;
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
    /// Flags give the name another meaning.
    #[error("create plugin `{name}`: flags give this word another meaning")]
    FlagWord {
        /// The name.
        name: String,
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
    /// The core module cannot become a component.
    #[error("make a component of {}: {error}", path.display())]
    Core {
        /// The core module.
        path: PathBuf,
        /// The cause.
        error: CoreModuleError,
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

/// Explains why a core module is not a plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoreModuleError {
    /// The bytes are damaged.
    #[error("the core module is damaged: {0}")]
    Broken(String),
    /// It exports nothing of the contract.
    #[error("the core module exports no function of longshore:plugin")]
    NoWorld,
    /// It exports only a part of a world.
    #[error("the core module exports a part of {interfaces}, and not {names}")]
    Missing {
        /// The interfaces of the world.
        interfaces: &'static str,
        /// The missing functions.
        names: String,
    },
    /// It exports functions of several worlds.
    #[error("the core module exports {interfaces}, and also `{name}`")]
    Export {
        /// The interfaces of the world.
        interfaces: &'static str,
        /// A function of another world, escaped for display.
        name: String,
    },
    /// It imports a function that no plugin may have.
    #[error("the core module imports `{name}` of `{module}`, which plugins do not have")]
    Import {
        /// The module, escaped for display.
        module: String,
        /// The function, escaped for display.
        name: String,
    },
    /// Functions have other types than the contract says.
    #[error("the core module does not fit longshore:plugin 0.1.0: {0}")]
    Invalid(String),
}

impl CoreModuleError {
    /// Returns what the author can do, for a `hint:` line.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Broken(_) => "build it again",
            Self::NoWorld | Self::Missing { .. } => {
                "build a library that exports all functions of one world of wit/plugin.wit; in Go with \
                 GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared"
            }
            Self::Export { .. } => "make one plugin of each kind",
            Self::Import { .. } => {
                "import only log, config and endpoints of longshore:plugin, and WASI's first preview"
            }
            Self::Invalid(_) => "generate the bindings again from wit/plugin.wit",
        }
    }
}

impl AuthorError {
    /// Returns what the author can do, for a `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotBuilt { .. } => Some("build the plugin first; its README.md has the command"),
            Self::NoMetadata { .. } => Some("put plugin.json beside the component, or pack it in"),
            Self::NoFixtures { .. } => Some("docs/writing-plugins.md shows what a fixture holds"),
            Self::Core { error, .. } => Some(error.hint()),
            Self::Plugin(error) => error.hint(),
            _ => None,
        }
    }
}
