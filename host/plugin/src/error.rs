//! Errors of plugins. Each names the plugin and the operation.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longshore_files::ReadError;
use longshore_plugin_pack::{Kind, PackError};

use crate::load::config::ConfigError;
use crate::network::grant::GrantError;

/// Explains why a plugin cannot be loaded or called. Text from a component is cut and escaped. Errors
/// can be cloned, because one error may fail many entries.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// This machine cannot run WebAssembly.
    #[error("start the plugin runtime: {reason}")]
    Runtime {
        /// The error of wasmtime or of the system.
        reason: String,
    },
    /// There is no built-in or installed plugin with this name and kind.
    #[error("find plugin `{plugin}`: no {kind} plugin has that name (there are: {})", .known.join(", "))]
    Unknown {
        /// The name that the user gave.
        plugin: String,
        /// The wanted kind.
        kind: Kind,
        /// The names of the plugins of this kind.
        known: Vec<String>,
    },
    /// This longshore was built without the plugin, because building it needs Go.
    #[error("find plugin `{plugin}`: this longshore was built without it")]
    NotBuilt {
        /// The name of the plugin.
        plugin: String,
    },
    /// The component cannot be loaded.
    #[error("load plugin `{plugin}`: {problem}")]
    Load {
        /// The plugin's name or path.
        plugin: String,
        /// Why it cannot be loaded.
        problem: LoadProblem,
    },
    /// The configuration is invalid.
    #[error("configure plugin `{plugin}`: {problem}")]
    Config {
        /// The plugin's name.
        plugin: String,
        /// The key and the reason.
        problem: ConfigError,
    },
    /// A call failed.
    #[error("{call} with plugin `{plugin}`: {}{failure}", at(place.as_deref()))]
    Call {
        /// The plugin's name.
        plugin: String,
        /// The function.
        call: Call,
        /// What the plugin worked on when the host ended the call, if it said so.
        place: Option<String>,
        /// The reason.
        failure: Failure,
    },
}

/// Explains why a component cannot be loaded as the wanted plugin.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadProblem {
    /// The name is a reference to a registry or a folder, and no such plugin is installed.
    #[error("it is not installed")]
    Remote,
    /// The built-in or installed plugin of this name has another kind.
    #[error("the plugin of this name is a {found} plugin, not a {wanted} plugin")]
    OtherKind {
        /// Its kind.
        found: Kind,
        /// The wanted kind.
        wanted: Kind,
    },
    /// The component of an installed plugin is not in the data directory.
    #[error("its component is not on this machine: {0}")]
    Absent(Arc<ReadError>),
    /// The component of an installed plugin has another digest than the lock file says.
    #[error(
        "its component has the digest sha256:{found}, and the lock file says sha256:{locked}{}",
        .damage.as_ref().map(|damage| format!(": {damage}")).unwrap_or_default()
    )]
    Changed {
        /// The digest in the lock file.
        locked: String,
        /// The digest of the component.
        found: String,
        /// Why the bytes are not a component, if they are none.
        damage: Option<String>,
    },
    /// The lock file says something else about the component than its metadata.
    #[error("the lock file gives it the {what} `{locked}`, and its metadata says `{found}`")]
    Mislabelled {
        /// What differs.
        what: &'static str,
        /// The value in the lock file.
        locked: String,
        /// The value in the metadata.
        found: String,
    },
    /// With `--locked`, the component of a path is not in the lock file.
    #[error("the lock file does not have the component sha256:{sha256}, and --locked is given")]
    NotLocked {
        /// The digest of the component.
        sha256: String,
    },
    /// A plugin without metadata cannot be installed.
    #[error("the component has no metadata")]
    NoMetadata,
    /// Its configuration schema is invalid.
    #[error(transparent)]
    Schema(ConfigError),
    /// It takes too long to compile.
    #[error("it takes more than {} s to compile", .limit.as_secs_f64())]
    CompileTime {
        /// The limit.
        limit: Duration,
    },
    /// It takes too much CPU time to compile.
    #[error("it takes more than {} s of CPU time to compile", .limit.as_secs_f64())]
    CompileCpu {
        /// The limit.
        limit: Duration,
    },
    /// It takes too much memory to compile.
    #[error("it takes more than {limit} bytes of memory to compile")]
    CompileMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// The process that compiles failed.
    #[error("the compiler failed: {0}")]
    Compiler(String),
    /// The file cannot be read.
    #[error("{0}")]
    Read(Arc<ReadError>),
    /// The metadata section is invalid, or the file is not a component.
    #[error(transparent)]
    Metadata(Arc<PackError>),
    /// The name in the metadata, or of a file without metadata, is the name of a built-in plugin.
    #[error("its name `{name}` is the name of a built-in plugin")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The plugin needs a newer longshore.
    #[error("it needs longshore {needs}, this is {here}")]
    HostTooOld {
        /// The version that it needs.
        needs: String,
        /// Our version.
        here: &'static str,
    },
    /// An export of the plugin is of another version of the contract.
    #[error("it needs longshore:plugin {needs}, this is {here}")]
    Contract {
        /// The version that it needs.
        needs: String,
        /// The version of this host.
        here: &'static str,
    },
    /// wasmtime cannot compile or link the component.
    #[error("{0}")]
    Component(String),
    /// The component imports something that no plugin gets.
    #[error("it imports `{import}`, {why}")]
    Import {
        /// The name of the import.
        import: String,
        /// The reason.
        why: String,
    },
    /// The plugin has another kind.
    #[error("it is not a {wanted} plugin: {exports}")]
    Kind {
        /// The wanted kind.
        wanted: Kind,
        /// Its exports.
        exports: String,
    },
    /// The kind in the metadata contradicts the exports.
    #[error("the kind in its metadata is {declared}, but {exports}")]
    Contradiction {
        /// The kind in the metadata.
        declared: Kind,
        /// Its exports.
        exports: String,
    },
    /// The origin of an endpoint is invalid.
    #[error(
        "the origin `{origin}` of endpoint `{endpoint}` is not `registry`, `config:KEY`, or a scheme and \
         a host such as `https://api.{{registry}}`"
    )]
    Origin {
        /// The endpoint's name.
        endpoint: String,
        /// The origin in the metadata or in the configuration.
        origin: String,
    },
    /// The settings name an endpoint that the plugin does not have.
    #[error("its settings name the endpoint `{endpoint}`, which it does not have (known: {known})")]
    UnknownEndpoint {
        /// The name in the settings.
        endpoint: String,
        /// The names of its endpoints.
        known: String,
    },
    /// A grant of the metadata or of the user is invalid.
    #[error(transparent)]
    Grant(#[from] GrantError),
}

/// A function of the contract.
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
    /// The exchange in the metadata of a repository type.
    Exchange,
    /// `chart-render.render`
    RenderChart,
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
            Self::Exchange => "fetch the registry's credential",
            Self::RenderChart => "render the chart",
        })
    }
}

/// Explains why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The guest trapped.
    #[error("the plugin trapped: {reason}")]
    Trapped {
        /// The kind of trap.
        reason: String,
    },
    /// The guest called `exit`.
    #[error("the plugin exited with status {status} and returned no result")]
    Exited {
        /// The exit status.
        status: i32,
    },
    /// The guest used too much CPU time.
    #[error("the plugin ran out of CPU time ({} s)", .limit.as_secs_f64())]
    CpuTime {
        /// The limit of a call.
        limit: Duration,
    },
    /// All calls of the run used too much CPU time together.
    #[error("the plugin ran out of CPU time for the run ({} s)", .limit.as_secs_f64())]
    RunCpuTime {
        /// The limit of a run.
        limit: Duration,
    },
    /// The call took too long.
    #[error("the plugin did not return within {} s", .limit.as_secs_f64())]
    WallTime {
        /// The limit of a call.
        limit: Duration,
    },
    /// The guest needed too much memory.
    #[error("the plugin ran out of memory ({limit} bytes)")]
    OutOfMemory {
        /// The limit in bytes.
        limit: usize,
    },
    /// The result is too large.
    #[error("the plugin returned too much: {reason}")]
    ResultTooLarge {
        /// What is too large, and the limit.
        reason: String,
    },
    /// The result is invalid.
    #[error("the plugin returned an invalid result: {reason}")]
    InvalidResult {
        /// Why it is invalid.
        reason: String,
    },
    /// The plugin rejected its configuration.
    #[error("the plugin rejected its configuration: {message}")]
    InvalidConfig {
        /// The message of the plugin.
        message: String,
    },
    /// The registry refused the request: the credential is missing, wrong or lacks rights.
    #[error("not authorized: {message}")]
    Unauthorized {
        /// The message of the plugin.
        message: String,
    },
    /// A retry may succeed.
    #[error("the registry is not ready{}", wait(*.retry_after))]
    Transient {
        /// The wait that the registry asks for.
        retry_after: Option<Duration>,
        /// The last answer to the plugin if its status is an error, such as `503 to GET r.example/api`.
        /// Fixtures compare the text of this failure, which does not have it.
        answer: Option<String>,
    },
    /// Any other error of the plugin.
    #[error("{message} ({code})")]
    Coded {
        /// A code in `kebab-case`.
        code: String,
        /// The message of the plugin.
        message: String,
    },
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(", retry after {} s", wait.as_secs()))
}

fn at(place: Option<&str>) -> String {
    place.map_or_else(String::new, |place| format!("{place}: "))
}

impl PluginError {
    /// Returns what the user can do, for a `hint:` line.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unknown { .. } => Some(
                "give the path of a plugin in a file, such as ./my-plugin.wasm, or install one with \
                 `longshore plugin add`",
            ),
            Self::NotBuilt { .. } => Some(
                "install Go 1.26 or newer, run `cargo xtask renderer` and build longshore again; or \
                 use --renderer helm with the program `helm`, or --renderer with a component",
            ),
            Self::Load { problem, .. } => problem.hint(),
            Self::Call {
                call: Call::Parse,
                failure:
                    Failure::ResultTooLarge { .. }
                    | Failure::CpuTime { .. }
                    | Failure::OutOfMemory { .. },
                ..
            } => Some(
                "split the list into several files; if that does not help, the plugin has a fault",
            ),
            Self::Call { failure: Failure::Trapped { .. } | Failure::Exited { .. }, .. } => {
                Some("run it again with --debug, which also logs what the plugin wrote")
            }
            _ => None,
        }
    }
}

/// What helps if a component is of another version of the contract.
const OTHER_CONTRACT: &str =
    "use a newer longshore, or build the plugin for the contract in this longshore's wit/";

impl LoadProblem {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Contract { .. } => Some(OTHER_CONTRACT),
            Self::Import { import, .. } if import.starts_with("longshore:plugin/") => {
                Some(OTHER_CONTRACT)
            }
            Self::OtherKind { found: Kind::ListFormat, .. } => Some("name it with --list-format"),
            Self::OtherKind { found: Kind::Rewrite, .. } => Some("name it with --rewrite"),
            Self::OtherKind { found: Kind::RepoType, .. } => Some("name it with --repo-type"),
            Self::OtherKind { found: Kind::ChartRender, .. } => Some("name it with --renderer"),
            Self::Remote => Some("install it with `longshore plugin add`"),
            Self::Absent(_) => {
                Some("fetch what the lock file names with `longshore plugin prefetch`")
            }
            Self::Changed { .. } => Some(
                "fetch the locked component again with `longshore plugin prefetch`, or lock another one with \
                     `longshore plugin update`",
            ),
            Self::Mislabelled { .. } => {
                Some("remove it with `longshore plugin remove`, and install it again")
            }
            Self::NotLocked { .. } => {
                Some("install it with `longshore plugin add`, or leave --locked out")
            }
            Self::NoMetadata => {
                Some("add a metadata section with `longshore plugin pack COMPONENT plugin.json`")
            }
            Self::CompileCpu { .. } | Self::CompileMemory { .. } => {
                Some("use another plugin: this one may be made to wear out the compiler")
            }
            Self::CompileTime { .. } => Some("try again when the machine has less to do"),
            Self::Import { import, .. } if import.starts_with("wasi:http") => {
                Some("send requests with longshore:plugin/endpoints, which adds the credential")
            }
            Self::Import { import, .. } if import.starts_with("wasi:") => {
                Some("build the component for WASI 0.2, such as Rust's target wasm32-wasip2")
            }
            Self::Metadata(error) if matches!(**error, PackError::CoreModule) => {
                Some("make a component of it with `longshore plugin pack MODULE plugin.json`")
            }
            _ => None,
        }
    }
}
