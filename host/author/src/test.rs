//! Runs a plugin on its fixtures.

use std::path::PathBuf;
use std::sync::Arc;

use longshore_plugin_host::{EndpointTransport, Plugin, PluginHost, PluginLog, PluginSetup};
use serde_json::Value;

use crate::call::Input;
use crate::error::AuthorError;
use crate::exchange::{Record, Replay};
use crate::fixture::Fixture;
use crate::project::Project;

/// What is done with results that are not expected.
#[derive(Clone)]
pub enum Mode {
    /// They fail.
    Check,
    /// They become the expected ones.
    Update,
    /// Requests are sent to a server. The exchanges and the results are written into the fixtures of
    /// repository types.
    Record(Recorder),
}

/// The server to record, and what may be sent to it.
#[derive(Clone)]
pub struct Recorder {
    /// The server, as `host[:port]`.
    pub registry: String,
    /// The requests that may be sent: `METHODS ENDPOINT /path`.
    pub grants: Vec<String>,
    /// Sends them.
    pub transport: Arc<dyn EndpointTransport>,
}

/// The result of one fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The name of the fixture.
    pub name: String,
    /// The result.
    pub verdict: Verdict,
}

/// What a fixture shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call returned what was expected.
    Passed,
    /// The fixture was written.
    Written,
    /// Each line says what differs.
    Failed(Vec<String>),
}

/// Runs a plugin on each of its fixtures, in the order of their names.
///
/// # Errors
/// Fails if there are no fixtures, if one cannot be read or written, or if the plugin cannot be loaded.
pub async fn test(
    project: &Project,
    host: &PluginHost,
    log: &Arc<dyn PluginLog>,
    mode: &Mode,
) -> Result<Vec<Tested>, AuthorError> {
    let mut tested = Vec::new();
    for path in project.fixtures()? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let verdict = Run { project, host, log, mode, path }.verdict().await?;
        tested.push(Tested { name, verdict });
    }
    Ok(tested)
}

struct Run<'a> {
    project: &'a Project,
    host: &'a PluginHost,
    log: &'a Arc<dyn PluginLog>,
    mode: &'a Mode,
    path: &'a PathBuf,
}

impl Run<'_> {
    async fn verdict(&self) -> Result<Verdict, AuthorError> {
        let mut fixture = Fixture::read(self.path)?;
        let input = Input::of(&fixture, self.path)?;
        let records = matches!(input, Input::Describe | Input::Scopes(_) | Input::Prepare(_));
        if let (Mode::Record(recorder), true) = (self.mode, records) {
            fixture.registry = Some(recorder.registry.clone());
            let record = Record::new(Arc::clone(&recorder.transport));
            let transport: Arc<dyn EndpointTransport> = Arc::<Record>::clone(&record);
            let grants = recorder.grants.clone();
            let plugin =
                load(self.project, self.host, self.log, &fixture, grants, transport).await?;
            fixture.expected = Some(input.call(&plugin, &fixture).await);
            fixture.exchanges = record.exchanges();
            fixture.write(self.path)?;
            return Ok(Verdict::Written);
        }
        let replay = Replay::new(&fixture.exchanges);
        let transport: Arc<dyn EndpointTransport> = Arc::<Replay>::clone(&replay);
        // Nothing is sent anywhere, so that the plugin may have all that it wants.
        let grants = self.project.metadata.grants.clone();
        let plugin = load(self.project, self.host, self.log, &fixture, grants, transport).await?;
        let actual = input.call(&plugin, &fixture).await;
        let mut wrong = replay.differences();
        if matches!(self.mode, Mode::Update) && wrong.is_empty() {
            if fixture.expected.as_ref() == Some(&actual) {
                return Ok(Verdict::Passed);
            }
            fixture.expected = Some(actual);
            fixture.write(self.path)?;
            return Ok(Verdict::Written);
        }
        match &fixture.expected {
            None => wrong.push("nothing is expected yet; --update writes the result".to_owned()),
            Some(expected) => wrong.extend(difference(expected, &actual)),
        }
        Ok(if wrong.is_empty() { Verdict::Passed } else { Verdict::Failed(wrong) })
    }
}

/// Loads the plugin with the configuration of a fixture.
pub(crate) async fn load(
    project: &Project,
    host: &PluginHost,
    log: &Arc<dyn PluginLog>,
    fixture: &Fixture,
    grants: Vec<String>,
    transport: Arc<dyn EndpointTransport>,
) -> Result<Plugin, AuthorError> {
    let setup = PluginSetup {
        config: fixture.config.clone(),
        grants,
        origins: fixture.origins.clone().into_iter().collect(),
        transport: Some(transport),
        log: Arc::clone(log),
        dry_run: fixture.dry_run,
    };
    Ok(host.load(project.kind(), &project.packed(), setup).await?)
}

/// Returns the lines of two results that differ.
fn difference(expected: &Value, actual: &Value) -> Vec<String> {
    if expected == actual {
        return Vec::new();
    }
    let lines = |value: &Value| -> Vec<String> {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
        text.lines().map(str::to_owned).collect()
    };
    let (old, new) = (lines(expected), lines(actual));
    let same_start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - same_start;
    let same_end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(|(old, new)| old == new)
        .count();
    let part = |lines: &[String], mark: &str| -> Vec<String> {
        let lines = &lines[same_start..lines.len() - same_end];
        lines.iter().map(|line| format!("{mark} {line}")).collect()
    };
    let mut shown = part(&old, "-");
    shown.extend(part(&new, "+"));
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn only_lines_that_differ_are_shown() {
        let old = json!({"a": 1, "b": [1, 2], "c": 3});
        assert_eq!(difference(&old, &old), [] as [&str; 0]);
        let new = json!({"a": 1, "b": [1, 4], "c": 3});
        assert_eq!(difference(&old, &new), ["-     2", "+     4"]);
        let new = json!({"a": 1, "b": [1, 2, 2], "c": 3});
        assert_eq!(difference(&old, &new), ["+     2,"], "the other lines are the same");
        assert_eq!(difference(&json!(1), &json!(2)), ["- 1", "+ 2"]);
    }
}
