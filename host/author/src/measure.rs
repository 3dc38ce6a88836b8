//! Measures the calls of a plugin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_plugin_host::{EndpointTransport, PluginHost, PluginLog};
use serde_json::Value;

use crate::call::{ERROR, Input};
use crate::error::AuthorError;
use crate::exchange::Replay;
use crate::fixture::Fixture;
use crate::project::Project;
use crate::test::load;

/// What the calls of a fixture cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The name of the fixture.
    pub name: String,
    /// Number of measured calls.
    pub calls: usize,
    /// The shortest call.
    pub least: Duration,
    /// Half of the calls are shorter.
    pub median: Duration,
    /// The longest call.
    pub most: Duration,
    /// The most memory that a call used, in bytes.
    pub memory: usize,
    /// Why a call failed, unless the fixture expects a failure.
    pub failure: Option<String>,
}

/// Makes the call of each fixture `calls` times, after one that is not measured. A list is probed and
/// parsed.
///
/// # Errors
/// Fails if there are no fixtures, if one cannot be read, or if the plugin cannot be loaded.
pub async fn measure(
    project: &Project,
    host: &PluginHost,
    log: &Arc<dyn PluginLog>,
    calls: usize,
) -> Result<Vec<Figures>, AuthorError> {
    let mut figures = Vec::new();
    for path in project.fixtures()? {
        let fixture = Fixture::read(path)?;
        let input = Input::of(&fixture, path)?;
        let mut times = Vec::with_capacity(calls);
        let (mut memory, mut failure) = (0, None);
        let expects_failure = fixture.expected.as_ref().is_some_and(|it| it.get(ERROR).is_some());
        for number in 0..=calls {
            let transport: Arc<dyn EndpointTransport> = Replay::new(&fixture.exchanges);
            let grants = project.metadata.grants.clone();
            let plugin = load(project, host, log, &fixture, grants, transport).await?;
            let started = Instant::now();
            let result = input.call(&plugin, &fixture).await;
            if number > 0 {
                times.push(started.elapsed());
            }
            memory = memory.max(plugin.peak_memory());
            let error = result.get(ERROR).and_then(Value::as_str).filter(|_| !expects_failure);
            failure = failure.or_else(|| error.map(str::to_owned));
        }
        times.sort_unstable();
        let at = |index: usize| times.get(index).copied().unwrap_or_default();
        figures.push(Figures {
            name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            calls,
            least: at(0),
            median: at(times.len() / 2),
            most: at(times.len().saturating_sub(1)),
            memory,
            failure,
        });
    }
    Ok(figures)
}
