//! Tests that run plugins: the components of `tests/plugins`, most of which are hostile, and the
//! built-in plugins.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    HostOptions, Kind, Limits, LogLevel, Plugin, PluginError, PluginHost, PluginLog, PluginSetup,
};

/// Returns the name and the text of a component, for the modules in `tests/`.
macro_rules! fixture {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../tests/plugins/", $name, ".wat")))
    };
}

mod contract;
mod formats;
mod hooks;
mod hostile;
mod loading;
mod tricks;

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

fn setup() -> PluginSetup {
    PluginSetup {
        config: serde_json::Map::new(),
        grants: Vec::new(),
        origins: std::collections::HashMap::new(),
        transport: None,
        log: Arc::new(NoLog),
        dry_run: false,
    }
}

fn host(limits: Limits) -> PluginHost {
    let options = HostOptions::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    PluginHost::with_limits(options, limits).expect("a host")
}

async fn load(
    host: &PluginHost,
    kind: Kind,
    (name, text): (&str, &str),
    setup: PluginSetup,
) -> Result<Plugin, PluginError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name).with_extension("wasm");
    let component = wat::parse_str(text).expect("a component");
    std::fs::write(&path, component).expect("is written");
    host.load(kind, path.to_str().expect("a path"), setup).await
}
