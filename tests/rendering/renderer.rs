//! The chart renderer of this build, and charts for it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longshore_plugin_host::contract::{ChartFile, Manifest, Release};
use longshore_plugin_host::{
    HostOptions, Kind, Limits, LogLevel, Plugin, PluginError, PluginHost, PluginLog, PluginSetup,
};

use crate::support::shared_cache;
use crate::support::skip::skip;

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

/// Loads the renderer. Skips the test if this longshore was built without it.
pub(crate) async fn renderer(limits: Limits) -> Option<Plugin> {
    // Compiled once: the first test fills the cache, and the others wait for it.
    static COMPILED: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _compiled = COMPILED.lock().await;
    let options = HostOptions {
        cache_dir: Some(shared_cache()),
        ..HostOptions::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
    };
    let host = PluginHost::with_limits(options, limits).expect("a plugin host");
    let setup = PluginSetup {
        config: serde_json::Map::new(),
        grants: Vec::new(),
        origins: std::collections::HashMap::new(),
        transport: None,
        log: Arc::new(NoLog),
        dry_run: false,
    };
    match host.load(Kind::ChartRender, "helm-render", setup).await {
        Ok(plugin) => Some(plugin),
        Err(error @ PluginError::NotBuilt { .. }) => {
            skip(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A chart, its values and its release.
pub(crate) struct Chart {
    files: Vec<ChartFile>,
    values: Vec<String>,
    pub(crate) release: Release,
}

impl Chart {
    fn of(files: Vec<ChartFile>) -> Self {
        let release = Release {
            name: "release".to_owned(),
            namespace: "default".to_owned(),
            kube_version: None,
            api_versions: Vec::new(),
            skip_tests: false,
        };
        Self { files, values: Vec::new(), release }
    }

    /// A chart named `c` with these files, and a `Chart.yaml` if none of them is one.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let file = |&(path, content): &(&str, &str)| ChartFile {
            path: path.to_owned(),
            content: content.as_bytes().to_vec(),
        };
        let mut files: Vec<_> = files.iter().map(file).collect();
        if files.iter().all(|file| file.path != "Chart.yaml") {
            files.push(file(&("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n")));
        }
        Self::of(files)
    }

    /// The chart in a folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let mut files = Vec::new();
        collect(folder, folder, &mut files);
        Self::of(files)
    }

    pub(crate) fn values(mut self, text: &str) -> Self {
        self.values.push(text.to_owned());
        self
    }

    pub(crate) async fn render(&self, renderer: &Plugin) -> Result<Vec<Manifest>, PluginError> {
        renderer.render_chart(&self.files, &self.values, &self.release).await
    }

    /// Renders the chart, and returns the message of the failure.
    pub(crate) async fn failure(&self, renderer: &Plugin) -> String {
        match self.render(renderer).await {
            Ok(manifests) => panic!("it was rendered: {manifests:?}"),
            Err(error) => error.to_string(),
        }
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<ChartFile>) {
    for entry in folder.read_dir().expect("the folder of a chart") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            collect(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).expect("below the chart");
        files.push(ChartFile {
            path: name.to_str().expect("a plain name").to_owned(),
            content: std::fs::read(&path).expect("a file of the chart"),
        });
    }
}
