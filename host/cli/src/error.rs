//! Exit codes, and the errors that end the program.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::login::LoginError;
use crate::convert::ConvertError;
use crate::list::ListError;
use crate::plugins::InstallError;
use crate::report::ReportError;
use crate::settings::SettingsError;
use longshore_author::AuthorError;
use longshore_chart::config::ConfigError;
use longshore_chart::source::HelmFileError;
use longshore_engine::plan::PlanError;
use longshore_fleet::FleetError;
use longshore_layout::ServeError;
use longshore_oci::nearest;
use longshore_plugin_host::PluginError;
use longshore_registry::{CertificateError, CredentialError, ProxyError};
use longshore_store::{StoreError, out_of_files};

/// The result of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All entries succeeded.
    Done,
    /// Some entries failed. The failed list holds them.
    SomeFailed,
    /// The usage or the configuration is wrong, or the run could not start.
    Usage,
    /// A signal interrupted the run. The failed list holds the unfinished entries.
    Interrupted,
}

impl Exit {
    /// Returns the exit code of the process.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::SomeFailed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that ends the program. Each message completes "failed to …".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fatal {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `DOCKER_USERNAME` or `DOCKER_PASSWORD` is missing, or another credential is invalid.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The certificates of `SSL_CERT_FILE` are unusable.
    #[error("use SSL_CERT_FILE: {0}")]
    Certificate(#[from] CertificateError),
    /// A proxy variable is malformed.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A folder of image layouts is unusable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The image list is unreadable, empty or in no known format.
    #[error(transparent)]
    List(#[from] ListError),
    /// The list cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The user gave a plugin a wrong setting.
    #[error("{place}: {error}")]
    PluginSetting {
        /// Where the user set it.
        place: String,
        /// The error of the plugin.
        #[source]
        error: Box<PluginError>,
    },
    /// A plugin cannot be installed, packed or pushed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The failed list or the report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A plugin cannot be made, tested or measured.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A list cannot be converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A login cannot be tried.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The configuration of charts is wrong.
    #[error(transparent)]
    Charts(#[from] ConfigError),
    /// Helm's file of repositories cannot be read.
    #[error(transparent)]
    Helm(#[from] HelmFileError),
    /// A manual page cannot be written.
    #[error("write {}: {error}", path.display())]
    Manual {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// The embedded registry cannot run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A fleet cannot be used.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The address for health checks and metrics cannot be used.
    #[error("listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        error: std::io::Error,
    },
    /// The runtime or a signal handler could not be started.
    #[error("start: {0}")]
    Start(#[from] std::io::Error),
    /// The prompt failed.
    #[error("read the prompt: {0}")]
    Prompt(#[from] rustyline::error::ReadlineError),
}

/// Returns advice for an error of a plugin. A name that is like the mistyped one comes first.
fn plugin_hint(error: &PluginError) -> Option<String> {
    let hint = error.hint()?;
    let similar = match error {
        PluginError::Unknown { plugin, known, .. } => {
            nearest(plugin, known.iter().map(String::as_str))
        }
        _ => None,
    };
    Some(match similar {
        Some(name) => format!("the nearest name is {name}; or {hint}"),
        None => hint.to_owned(),
    })
}

impl Fatal {
    /// Returns the error for a manual page, or the folder of pages, at `path`.
    pub(crate) fn manual(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Manual { path, error }
    }

    /// Returns advice for the user.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Settings(error) => error.hint(),
            Self::List(error) => error.hint(),
            Self::Store(error) => error.hint.clone(),
            Self::Convert(error) => error.hint(),
            Self::Charts(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Plugin(error) => plugin_hint(error),
            Self::PluginSetting { error, .. } => error.hint().map(str::to_owned),
            Self::Install(error) => error.hint(),
            Self::Author(error) => error.hint().map(str::to_owned),
            Self::Login(error) => error.hint().map(str::to_owned),
            Self::Report(error) => error.hint(),
            Self::Fleet(error) => error.hint().map(str::to_owned),
            Self::Proxy(error) => Some(error.hint().to_owned()),
            Self::Certificate(error) => error.hint().map(str::to_owned),
            Self::Credential(error) => error.hint().map(str::to_owned),
            Self::Helm(_)
            | Self::Manual { .. }
            | Self::Serve(_)
            | Self::Listen { .. }
            | Self::Start(_)
            | Self::Prompt(_) => None,
        };
        hint.or_else(|| out_of_files(&self.to_string()).map(str::to_owned))
    }

    /// Returns the exit code of the program.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::Credential(_)
            | Self::Certificate(_)
            | Self::Proxy(_)
            | Self::List(_)
            | Self::Store(_)
            | Self::Plan(_)
            | Self::Plugin(_)
            | Self::PluginSetting { .. }
            | Self::Install(_)
            | Self::Author(_)
            | Self::Report(_)
            | Self::Convert(_)
            | Self::Login(_)
            | Self::Charts(_)
            | Self::Helm(_)
            | Self::Manual { .. }
            | Self::Serve(_)
            | Self::Fleet(_)
            | Self::Listen { .. }
            | Self::Start(_)
            | Self::Prompt(_) => Exit::Usage,
        }
    }
}
