//! Exit codes, and what ends the program before or instead of its work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::convert::ConvertError;
use crate::list::ListError;
use crate::report::ReportError;
use crate::settings::SettingsError;
use longshore_engine::plan::PlanError;
use longshore_layout::ServeError;
use longshore_plugin_host::PluginError;
use longshore_registry::{CertificateError, CredentialError};
use longshore_store::StoreError;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All entries are done.
    Done,
    /// Some entries failed; they are in the failed list.
    SomeFailed,
    /// Bad usage or configuration, or nothing could be started.
    Usage,
    /// Interrupted; what was unfinished is in the failed list.
    Interrupted,
}

impl Exit {
    /// The code that the shell sees.
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

/// The program could not do its work. Each reads well behind "failed to".
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fatal {
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The credentials of the environment are incomplete.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The roots of `SSL_CERT_FILE` cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A folder of image layouts cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The list is of no use.
    #[error(transparent)]
    List(#[from] ListError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plugin failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The failed list or the report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A list cannot be converted.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// A manual page cannot be written.
    #[error("write {}: {error}", path.display())]
    Manual {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        error: std::io::Error,
    },
    /// The embedded registry cannot run.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The runtime could not be started, or a signal not be listened to.
    #[error("start: {0}")]
    Start(#[from] std::io::Error),
    /// The prompt failed.
    #[error("read the prompt: {0}")]
    Prompt(#[from] rustyline::error::ReadlineError),
}

impl Fatal {
    /// Says that a manual page, or their folder, cannot be written at `path`.
    pub(crate) fn manual(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Manual { path, error }
    }

    /// What a person can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::List(error) => error.hint(),
            Self::Store(error) => error.hint.clone(),
            Self::Convert(error) => error.hint(),
            Self::Plan(error) => error.hint(),
            Self::Plugin(error) => error.hint().map(str::to_owned),
            Self::Report(error) => error.hint().map(|hint| hint.to_string()),
            Self::Credential(CredentialError::Incomplete { .. }) => {
                Some("set both or neither".to_owned())
            }
            Self::Credential(_)
            | Self::Certificate(_)
            | Self::Manual { .. }
            | Self::Serve(_)
            | Self::Start(_)
            | Self::Prompt(_) => None,
        }
    }

    /// The exit code.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::Credential(_)
            | Self::Certificate(_)
            | Self::List(_)
            | Self::Store(_)
            | Self::Plan(_)
            | Self::Plugin(_)
            | Self::Report(_)
            | Self::Convert(_)
            | Self::Manual { .. }
            | Self::Serve(_)
            | Self::Start(_)
            | Self::Prompt(_) => Exit::Usage,
        }
    }
}
