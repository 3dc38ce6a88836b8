//! What a caller gives a plugin: configuration, grants, a transport and a log.

use std::collections::HashMap;
use std::sync::Arc;

use crate::network::transport::EndpointTransport;

/// The configuration, grants, transport and log of one plugin in one run.
#[derive(Clone)]
pub struct PluginSetup {
    /// The user's configuration. The plugin's schema, if it has one, gives strings their types.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// The `--grant`s for a plugin that is given by its path. A built-in plugin has the grants in its
    /// metadata.
    pub grants: Vec<String>,
    /// The origins that the settings give to endpoints, by the endpoint's name.
    pub origins: HashMap<String, String>,
    /// The transport for requests. Without one, the host denies every request.
    pub transport: Option<Arc<dyn EndpointTransport>>,
    /// Receives the lines that the plugin logs.
    pub log: Arc<dyn PluginLog>,
    /// Sends only requests that change nothing.
    pub dry_run: bool,
}

/// Receives the name of a plugin that is about to be compiled.
pub type CompileNotice = dyn Fn(&str) + Send + Sync;

/// Receives the lines that plugins log.
pub trait PluginLog: Send + Sync {
    /// Receives one line, which is cut and escaped. Lines of a plugin's standard output and standard
    /// error have the level [`LogLevel::Debug`].
    fn line(&self, plugin: &str, level: LogLevel, message: &str);
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// Helps the author of the plugin.
    Debug,
    /// Informs the user.
    Info,
    /// Reports something unexpected.
    Warning,
    /// Reports a failure.
    Error,
}
