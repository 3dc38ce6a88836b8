//! The parts of a plugin that is ready to be called.

use std::sync::Arc;

use longshore_plugin_pack::{Kind, Metadata};

use crate::network::permissions::Permissions;
use crate::sandbox::exports::LinkedComponent;
use crate::sandbox::runtime::Runtime;
use crate::setup::PluginLog;

/// What all calls of a plugin share.
pub(crate) struct Loaded {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) linked: Arc<LinkedComponent>,
    pub(crate) kind: Kind,
    /// The name that configures the plugin.
    pub(crate) name: Arc<str>,
    /// The name or path that the user gave.
    pub(crate) given_name: Arc<str>,
    /// SHA-256 of the component, in lower-case hexadecimal digits.
    pub(crate) sha256: Arc<str>,
    pub(crate) metadata: Option<Metadata>,
    /// The configuration as JSON, which the guest gets.
    pub(crate) config: Arc<str>,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) log: Arc<dyn PluginLog>,
    pub(crate) dry_run: bool,
}
