//! What can go wrong with a plugin. Every error names the plugin and what it was to do.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longshore_plugin_pack::{Kind, PackError};

use super::config::ConfigError;
use super::grant::GrantError;

/// Why a plugin could not be had or did not answer. Text that came from a component is cut and
/// escaped already. An error may be cloned, because many entries can fail for one of them.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The machinery for running WebAssembly does not start on this machine.
    #[error("start the plugin runtime: {reason}")]
    Runtime {
        /// What wasmtime or the system said.
        reason: String,
    },
    /// A bare name that is no built-in of the kind.
    #[error("find plugin `{plugin}`: no built-in {kind} plugin has that name (there are: {known})")]
    Unknown {
        /// What was asked for.
        plugin: String,
        /// The kind that was asked for.
        kind: Kind,
        /// The built-ins of that kind, comma-separated.
        known: String,
    },
    /// The component cannot be used.
    #[error("load plugin `{plugin}`: {problem}")]
    Load {
        /// The plugin's name or path.
        plugin: String,
        /// What is wrong with it.
        problem: LoadProblem,
    },
    /// Its configuration does not fit.
    #[error("configure plugin `{plugin}`: {problem}")]
    Config {
        /// The plugin's name.
        plugin: String,
        /// Which key, and why.
        problem: ConfigError,
    },
    /// It ran and failed.
    #[error("{call} with plugin `{plugin}`: {failure}")]
    Call {
        /// The plugin's name.
        plugin: String,
        /// What it was asked.
        call: Call,
        /// How it failed.
        failure: Failure,
    },
}

/// Why a component cannot be used as the plugin that was asked for.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadProblem {
    /// An `oci://` name.
    #[error("plugins cannot be fetched from a registry during a run")]
    Remote,
    /// The file cannot be read.
    #[error("{0}")]
    Read(Arc<io::Error>),
    /// The file is larger than a component may be.
    #[error("the component has {size} bytes, at most {most} are allowed")]
    TooLarge {
        /// Bytes in the file.
        size: u64,
        /// Bytes allowed.
        most: usize,
    },
    /// The metadata section is broken, or there is no component around it.
    #[error(transparent)]
    Metadata(Arc<PackError>),
    /// The metadata gives a name that a built-in has.
    #[error("its metadata calls it `{name}`, which is the name of a built-in plugin")]
    Reserved {
        /// The name.
        name: String,
    },
    /// It is made for a newer longshore.
    #[error("it needs longshore {needs}, this is {here}")]
    HostTooOld {
        /// The version it needs.
        needs: String,
        /// Our version.
        here: &'static str,
    },
    /// wasmtime refuses to compile or to link it.
    #[error("{0}")]
    Component(String),
    /// It imports something that no plugin gets.
    #[error("it imports `{import}`, {why}")]
    Import {
        /// The import's name.
        import: String,
        /// What that means.
        why: String,
    },
    /// It is no plugin of this kind.
    #[error("it is no {wanted} plugin: {exports}")]
    Kind {
        /// The kind that was asked for.
        wanted: Kind,
        /// What it exports instead.
        exports: String,
    },
    /// Its metadata contradicts its exports.
    #[error("its metadata calls it a {says} plugin, but {exports}")]
    Contradiction {
        /// What the metadata says.
        says: Kind,
        /// What it exports.
        exports: String,
    },
    /// An endpoint's origin has no known form.
    #[error(
        "the origin `{origin}` of endpoint `{endpoint}` is not `registry`, \
         `https://{{registry}}` or `config:KEY`"
    )]
    Origin {
        /// The endpoint's name.
        endpoint: String,
        /// What its metadata says.
        origin: String,
    },
    /// An endpoint needs a credential that the host cannot attach.
    #[error("endpoint `{endpoint}` needs the authentication `{auth}`, which is not supported yet")]
    Auth {
        /// The endpoint's name.
        endpoint: String,
        /// The authentication in its metadata.
        auth: String,
    },
    /// A grant that its metadata or the user gave.
    #[error(transparent)]
    Grant(#[from] GrantError),
}

/// What a plugin was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `list-format.probe`
    Probe,
    /// `list-format.parse`
    Parse,
    /// `list-render.render`
    Render,
    /// `rewrite.apply`
    Rewrite,
    /// `repo-type.describe`
    Describe,
    /// `repo-type.scopes`
    Scopes,
    /// `repo-type.prepare`
    Prepare,
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Probe => "recognise the list",
            Self::Parse => "read the list",
            Self::Render => "write the list",
            Self::Rewrite => "rewrite destinations",
            Self::Describe => "describe the registry",
            Self::Scopes => "work out what the registry needs",
            Self::Prepare => "prepare the registry",
        })
    }
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// WebAssembly trapped.
    #[error("the plugin trapped: {reason}")]
    Trapped {
        /// The kind of trap.
        reason: String,
    },
    /// It ended itself instead of answering.
    #[error("the plugin exited with status {status} instead of answering")]
    Exited {
        /// What it gave to `exit`.
        status: i32,
    },
    /// It computed for too long.
    #[error("the plugin ran out of CPU time ({} s)", .limit.as_secs_f64())]
    CpuTime {
        /// What a call may use.
        limit: Duration,
    },
    /// It waited for too long.
    #[error("the plugin did not answer within {} s", .limit.as_secs_f64())]
    WallTime {
        /// What a call may take.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    #[error("the plugin ran out of memory ({limit} bytes)")]
    OutOfMemory {
        /// Bytes that it may have.
        limit: usize,
    },
    /// Its answer is too large.
    #[error("the plugin answered too much: {reason}")]
    AnsweredTooMuch {
        /// What of it, and the bound.
        reason: String,
    },
    /// Its answer is not what was asked for.
    #[error("the plugin gave a bad answer: {reason}")]
    BadAnswer {
        /// What is wrong.
        reason: String,
    },
    /// It says that its configuration is wrong.
    #[error("the plugin says its configuration is wrong: {message}")]
    InvalidConfig {
        /// The plugin's words.
        message: String,
    },
    /// It says that the registry refused the credential.
    #[error("the registry refused the credential: {message}")]
    Unauthorized {
        /// The plugin's words.
        message: String,
    },
    /// It says that another try may succeed.
    #[error("the registry cannot do it right now{}", wait(*.retry_after))]
    Transient {
        /// How long to wait, where the registry named a time.
        retry_after: Option<Duration>,
    },
    /// Anything else that it says.
    #[error("{message} ({code})")]
    Coded {
        /// A word for machines, `kebab-case`.
        code: String,
        /// The plugin's words.
        message: String,
    },
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(", it asks to wait {} s", wait.as_secs()))
}

impl PluginError {
    /// What the user could do about it, for a `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => {
                Some("a plugin in a file is named by its path, such as ./my-plugin.wasm")
            }
            Self::Load { problem, .. } => problem.hint(),
            Self::Call { call: Call::Parse, failure: Failure::AnsweredTooMuch { .. }, .. } => {
                Some("split the list into several files")
            }
            _ => None,
        }
    }
}

impl LoadProblem {
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Auth { .. } => Some(
                "use a plugin whose endpoints have `\"auth\": \"registry\"`: the credential for the destination",
            ),
            Self::Remote => Some("download the component and give the path of the file"),
            Self::Import { import, .. } if import.starts_with("wasi:http") => {
                Some("send requests with longshore:plugin/endpoints, which adds the credential")
            }
            Self::Import { import, .. } if import.starts_with("wasi:") => {
                Some("build the component for WASI 0.2, such as Rust's target wasm32-wasip2")
            }
            Self::Metadata(error) if matches!(**error, PackError::CoreModule) => {
                Some("build a component, such as with Rust's target wasm32-wasip2")
            }
            _ => None,
        }
    }
}
