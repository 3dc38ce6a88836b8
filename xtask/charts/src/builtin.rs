//! Renders charts with the renderer that is built into longshore.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_chart::{RenderError, RenderInput, Rendered, Renderer};
use longshore_plugin_host::contract::{ChartFile, Manifest, Release};
use longshore_plugin_host::{
    HostOptions, Kind, LogLevel, Plugin, PluginError, PluginHost, PluginLog, PluginSetup,
};

/// The name of the renderer in the host.
const NAME: &str = "helm-render";

/// The renderer of this build.
#[derive(Debug)]
pub(crate) struct Builtin(Plugin);

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

impl Builtin {
    /// Loads the renderer; `None` if this build has none. Compiled code is kept in `cache`.
    pub(crate) async fn load(cache: PathBuf) -> Result<Option<Self>> {
        let options = HostOptions { cache_dir: Some(cache), ..HostOptions::new(SystemTime::now()) };
        let host = PluginHost::new(options).context("failed to start the plugin host")?;
        let setup = PluginSetup {
            config: serde_json::Map::new(),
            origins: std::collections::HashMap::new(),
            grants: Vec::new(),
            transport: None,
            log: Arc::new(NoLog),
            dry_run: false,
        };
        match host.load(Kind::ChartRender, NAME, setup).await {
            Ok(plugin) => Ok(Some(Self(plugin))),
            Err(PluginError::NotBuilt { .. }) => Ok(None),
            Err(error) => Err(error).context("failed to load the renderer"),
        }
    }
}

impl Renderer for Builtin {
    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
        async move {
            let file = |(path, content): &(String, Vec<u8>)| ChartFile {
                path: path.clone(),
                content: content.clone(),
            };
            let files: Vec<_> = input.files.iter().map(file).collect();
            let release = Release {
                name: input.release.clone(),
                namespace: input.namespace.clone(),
                kube_version: input.kube_version.clone(),
                api_versions: input.api_versions.clone(),
                skip_tests: input.skip_tests,
            };
            let rendered = self.0.render_chart(&files, &input.values, &release).await;
            rendered.map(by_template).map_err(|error| RenderError {
                message: error.to_string(),
                ..RenderError::default()
            })
        }
        .boxed()
    }
}

/// Joins the documents of each template.
fn by_template(manifests: Vec<Manifest>) -> Vec<Rendered> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for Manifest { path, text } in manifests {
        let joined = texts.entry(path).or_default();
        joined.push_str("\n---\n");
        joined.push_str(&text);
    }
    texts.into_iter().map(|(template, text)| Rendered { template, text }).collect()
}
