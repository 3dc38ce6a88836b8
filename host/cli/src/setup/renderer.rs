//! Loads the plugins that render charts.

use std::collections::HashMap;
use std::sync::Arc;

use longshore_plugin_host::{Kind, PluginHost, PluginSetup};
use longshore_renderer::PluginRenderer;

use super::LogOfPlugins;
use crate::error::Fatal;
use crate::report::Log;
use crate::settings::PluginSettings;

/// Loads the renderer `name`: the built-in one, an installed plugin, or a component by its path.
///
/// The first load of a version compiles for some seconds. Drop the future to stop waiting.
pub(crate) async fn load_renderer(
    plugins: &PluginHost,
    name: &str,
    settings: &PluginSettings,
    log: &Arc<Log>,
) -> Result<PluginRenderer, Fatal> {
    let configured = plugins.name_of(Kind::ChartRender, name).await?;
    let setup = PluginSetup {
        config: settings.config(&configured),
        grants: Vec::new(),
        origins: HashMap::new(),
        transport: None,
        log: Arc::new(LogOfPlugins(Arc::clone(log))),
        dry_run: false,
    };
    let loaded = plugins.load(Kind::ChartRender, name, setup).await;
    loaded.map(PluginRenderer::new).map_err(|error| settings.blamed(error))
}
