//! What the host gives a plugin along: configuration, grants, a transport and a log.

use std::sync::Arc;

use super::endpoint::EndpointTransport;

/// What one plugin of one run gets.
#[derive(Clone)]
pub struct PluginSetup {
    /// The user's configuration; strings are typed by the plugin's schema, if it has one.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// What `--grant` allows a plugin that is named by its path. Built-in plugins hold what their
    /// metadata wants.
    pub grants: Vec<String>,
    /// Whoever sends requests; without one every request is denied.
    pub transport: Option<Arc<dyn EndpointTransport>>,
    /// Where the plugin's lines go.
    pub log: Arc<dyn PluginLog>,
    /// Lets only requests through that change nothing.
    pub dry_run: bool,
}

/// Takes the lines that plugins log.
pub trait PluginLog: Send + Sync {
    /// Takes one line, cut and escaped already. Standard output and error of a plugin come as
    /// [`LogLevel::Debug`].
    fn line(&self, plugin: &str, level: LogLevel, message: &str);
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// Worth a line.
    Info,
    /// Something is odd.
    Warning,
    /// Something failed.
    Error,
}
