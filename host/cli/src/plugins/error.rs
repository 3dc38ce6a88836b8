//! Why a plugin cannot be installed, packed or pushed.

use std::io;
use std::path::PathBuf;

use longshore_files::ReadError;
use longshore_oci::Digest;
use longshore_plugin_host::GrantError;
use longshore_store::{StoreError, TransferFailure};

/// Why a command about plugins failed. Each message completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// There is no folder for the lock file or the components.
    #[error("find the folder of {0}: there is no home directory")]
    NoHome(&'static str),
    /// The lock file cannot be read.
    #[error("read the lock file {}: {why}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why, with the place.
        why: String,
    },
    /// The lock file cannot be written.
    #[error("write the lock file {}: {error}", path.display())]
    WriteLock {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// `--locked` needs a lock file.
    #[error("use --locked: there is no lock file {}", .0.display())]
    NoLock(PathBuf),
    /// The components cannot be kept.
    #[error("keep components in {}: {error}", path.display())]
    Components {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The text names neither a file nor a manifest.
    #[error("read the plugin {text:?}: {why}")]
    Source {
        /// The text.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// The file cannot be read.
    #[error("read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: ReadError,
    },
    /// The file with the metadata is not usable.
    #[error("read {}: {why}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The manifest is not that of a plugin.
    #[error("read the plugin {reference}: {why}")]
    NotPlugin {
        /// The reference.
        reference: String,
        /// What is wrong.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(Box<StoreError>),
    /// A blob could not be pushed.
    #[error("push the plugin: {0}")]
    Transfer(Box<TransferFailure>),
    /// A plugin of the name is installed.
    #[error("install {name}: it is installed from {source_text}")]
    Installed {
        /// The name.
        name: String,
        /// Where it is from.
        source_text: String,
    },
    /// Another longshore changed the plugin since the user was asked.
    #[error("install {name}: another longshore has changed it meanwhile")]
    Meanwhile {
        /// The name.
        name: String,
    },
    /// The component must be fetched, and its tag has been moved.
    #[error(
        "{problem}; {source_text} now has the manifest {found}, and the lock file says {locked}"
    )]
    TagMoved {
        /// Why the component must be fetched.
        problem: String,
        /// The name.
        name: String,
        /// Where it is from.
        source_text: String,
        /// The digest of the manifest in the lock file.
        locked: Box<Digest>,
        /// The digest of the manifest that the tag names now.
        found: Box<Digest>,
    },
    /// The name stands for something else.
    #[error("install {0}: the name is reserved")]
    Reserved(String),
    /// No such plugin is installed.
    #[error("find the installed plugin {name:?}: the lock file {} does not have it", lock.display())]
    NotInstalled {
        /// The name.
        name: String,
        /// The lock file.
        lock: PathBuf,
        /// The most similar name of an installed plugin.
        nearest: Option<String>,
    },
    /// The plugin is built in, so that no command installs or changes it.
    #[error("change the installed plugin {0:?}: it is built in")]
    BuiltIn(String),
    /// No plugin has the name.
    #[error("find the plugin {name:?}: no built-in or installed plugin has that name, and no file")]
    Unknown {
        /// The name.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
    },
    /// The source has another plugin now.
    #[error("update {name}: {source_text} now has the {kind} plugin {found}")]
    Renamed {
        /// The name.
        name: String,
        /// Where it is from.
        source_text: String,
        /// The new kind.
        kind: String,
        /// The new name.
        found: String,
    },
    /// The source has other bytes than the lock file says.
    #[error(
        "fetch {name}: {source_text} has the component sha256:{found}, and the lock file says sha256:{locked}"
    )]
    Moved {
        /// The name.
        name: String,
        /// Where it is from.
        source_text: String,
        /// The digest in the lock file.
        locked: String,
        /// The digest of the component.
        found: String,
    },
    /// Nobody can be asked.
    #[error("{what}: there is no terminal to ask at")]
    NoTerminal {
        /// The operation and the plugin.
        what: String,
        /// The command that needs no answer.
        command: String,
    },
    /// The user said no.
    #[error("{0}: it was declined")]
    Declined(String),
    /// The prompt failed.
    #[error("read the prompt: {0}")]
    Prompt(#[from] rustyline::error::ReadlineError),
    /// A grant is invalid.
    #[error("use --grant: {0}")]
    Grant(#[from] GrantError),
    /// A grant names an endpoint that the plugin does not have.
    #[error("use --grant {grant:?}: {name} has no endpoint of that name")]
    GrantEndpoint {
        /// The grant.
        grant: String,
        /// The plugin.
        name: String,
    },
    /// The packed component cannot be written.
    #[error("write {}: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The packed component would replace its input.
    #[error("write {}: it is the component that is packed", .0.display())]
    SameFile(PathBuf),
}

impl From<StoreError> for InstallError {
    fn from(error: StoreError) -> Self {
        Self::Store(Box::new(error))
    }
}

impl From<TransferFailure> for InstallError {
    fn from(error: TransferFailure) -> Self {
        Self::Transfer(Box::new(error))
    }
}

impl InstallError {
    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Lock { .. } => {
                "longshore writes this file; restore it, or remove it and add the plugins again"
                    .into()
            }
            Self::NoLock(_) => {
                "install plugins with longshore plugin add, or leave --locked out".into()
            }
            Self::NoHome(_) => "set HOME, or name the settings file with --settings".into(),
            Self::Source { .. } => {
                "name a file, oci://REGISTRY/REPOSITORY:TAG or oci:DIR/REPOSITORY:TAG".into()
            }
            Self::NotPlugin { .. } => "push plugins with longshore plugin push".into(),
            Self::Store(error) => return error.hint.clone(),
            Self::Installed { name, .. } => {
                format!("update it with longshore plugin update {name}, or remove it first")
            }
            Self::Meanwhile { .. } => "run the command again, and look at what is installed".into(),
            Self::TagMoved { name, .. } => format!(
                "longshore plugin update {name} shows what changed and locks the new component; longshore plugin \
                 prefetch fetches the locked one by its digest"
            ),
            Self::NotInstalled { nearest: Some(name), .. }
            | Self::Unknown { nearest: Some(name), .. } => {
                format!("the nearest name is {name}; longshore plugin list shows all names")
            }
            Self::NotInstalled { .. } | Self::Unknown { .. } => {
                "longshore plugin list shows all names".into()
            }
            Self::BuiltIn(_) => "it is part of longshore, and changes with it".into(),
            Self::Renamed { name, .. } => {
                format!("remove it with longshore plugin remove {name}, and add the new one")
            }
            Self::Moved { name, .. } => format!(
                "longshore plugin update {name} shows what changed and locks the new component"
            ),
            Self::NoTerminal { command, .. } => format!("to agree, run {command}"),
            Self::SameFile(_) => "name another file with -o".into(),
            Self::WriteLock { .. }
            | Self::Components { .. }
            | Self::Read { .. }
            | Self::Metadata { .. }
            | Self::Transfer(_)
            | Self::Reserved(_)
            | Self::Declined(_)
            | Self::Prompt(_)
            | Self::Grant(_)
            | Self::GrantEndpoint { .. }
            | Self::Write { .. } => return None,
        })
    }
}
