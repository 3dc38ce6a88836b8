//! Repository types, which prepare a registry for a push.

pub mod answer;
pub mod routing;

pub use crate::bindings::repo_type::{Capabilities, Outcome, Scope, State};

use crate::PluginError;

/// A configured repository type. [`export_repo_type!`](crate::export_repo_type) makes it a component.
/// It sends requests with [`host::send`](crate::host::send).
pub trait RepoType: Sized {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Describes a registry, `host[:port]`. The default describes one without any limits.
    ///
    /// # Errors
    /// Fails if the registry is not of this type, or does not answer.
    fn describe(&self, registry: &str) -> Result<Capabilities, PluginError> {
        let _ = registry;
        Ok(Capabilities::default())
    }

    /// Returns what must exist before a push into a repository, outermost first. It asks no registry.
    ///
    /// # Errors
    /// Fails if the run must end before anything is copied.
    fn scopes(&self, registry: &str, repository: &str) -> Result<Vec<Scope>, PluginError>;

    /// Prepares a scope. In a dry run, the host lets only GET, HEAD and what a
    /// grant allows for dry runs through.
    ///
    /// # Errors
    /// Fails if the scope cannot be prepared. The host then warns, and tries the push.
    fn prepare(&self, registry: &str, scope: &Scope, dry_run: bool)
    -> Result<Outcome, PluginError>;
}

impl Default for Capabilities {
    /// Describes a registry that can do everything that the distribution specification names.
    fn default() -> Self {
        Self {
            max_depth: None,
            chunked_upload: true,
            cross_mount: true,
            referrers: true,
            attributes: Vec::new(),
        }
    }
}

impl Scope {
    /// Names a scope, such as a `project`.
    #[must_use]
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl Outcome {
    /// Creates an outcome without a message.
    #[must_use]
    pub const fn new(state: State) -> Self {
        Self { state, message: None, attributes: Vec::new() }
    }

    /// Sets the message.
    #[must_use]
    pub fn because(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}
