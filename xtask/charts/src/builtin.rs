//! Loads the renderer that is built into longshore.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use longshore_plugin_host::{
    HostOptions, Kind, LogLevel, PluginError, PluginHost, PluginLog, PluginSetup,
};
use longshore_renderer::{BUILT_IN, PluginRenderer};

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

/// Loads the renderer; `None` if this build has none. Compiled code is kept in `cache`.
pub(crate) async fn load(cache: PathBuf) -> Result<Option<PluginRenderer>> {
    let options = HostOptions { cache_dir: Some(cache), ..HostOptions::new(SystemTime::now()) };
    let host = PluginHost::new(options).context("failed to start the plugin host")?;
    let setup = PluginSetup {
        config: serde_json::Map::new(),
        origins: HashMap::new(),
        grants: Vec::new(),
        transport: None,
        log: Arc::new(NoLog),
        dry_run: false,
    };
    match host.load(Kind::ChartRender, BUILT_IN, setup).await {
        Ok(plugin) => Ok(Some(PluginRenderer::new(plugin))),
        Err(PluginError::NotBuilt { .. }) => Ok(None),
        Err(error) => Err(error).context("failed to load the renderer"),
    }
}
