//! The list format `dregsy`: the configuration of dregsy.
//!
//! ```yaml
//! relay: skopeo
//! tasks:
//!   - name: task1
//!     source:
//!       registry: source-registry.example.com
//!     target:
//!       registry: dest-registry.example.com
//!     mappings:
//!       - from: test/image
//!         to: archive/test/image
//!         tags: ['semver: >=1.31.0 <1.31.9', 'regex: 1\.26\.[0-9]-musl', 'latest']
//!       - from: regex:team/.*
//! ```

mod mapping;
mod tags;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_plugin_sdk::credential::{Login, text};
use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{self, Mapping, Node};
use serde_json::Value;

use mapping::Task;

longshore_plugin_sdk::export_list_format!(probe, parse);

/// Keys that configure how dregsy runs. They do not select images.
const IGNORED: &[(&str, &str)] = &[
    ("relay", NO_RELAY),
    ("skopeo", NO_RELAY),
    ("docker", NO_RELAY),
    ("dockerhost", NO_RELAY),
    ("api-version", NO_RELAY),
    ("lister", "catalogs are read in full, once per run"),
    ("watch", "each run of --every reads the list again"),
];
const NO_RELAY: &str = "longshore needs no relay";
const NO_AUTH: &str =
    "`auth` must be the base64 of {\"username\": …, \"password\": …}: it is not used";

const IGNORED_IN_TASK: &[(&str, &str)] =
    &[("interval", "--every 10m repeats a run"), ("verbose", "use --debug for the whole run")];

const IGNORED_IN_SOURCE: &[(&str, &str)] = &[
    ("auth-refresh", "name docker-credential-ecr-login in docker's configuration, which refreshes"),
    ("skip-tls-verify", "give --insecure-registry with this registry"),
];

/// Reports whether the text is a dregsy configuration.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let documents = yaml::read(head);
    let Some(root) = documents.roots.first().and_then(|root| root.as_mapping()) else {
        return Confidence::No;
    };
    let tasks = root.get("tasks").and_then(Node::as_sequence).unwrap_or_default();
    let is_task = |node: &Node| {
        node.as_mapping().is_some_and(|task| {
            ["source", "target", "mappings"].iter().all(|key| task.get(key).is_some())
        })
    };
    let known = |key: &str| {
        key == "tasks" || IGNORED.iter().any(|(name, _)| *name == key) || key.starts_with("x-")
    };
    match tasks.iter().filter(|task| is_task(task)).count() {
        0 => Confidence::No,
        count
            if count == tasks.len()
                && documents.complete
                && root.iter().all(|(key, _)| known(&key.text)) =>
        {
            Confidence::Certain
        }
        _ => Confidence::Maybe,
    }
}

/// Parses the configuration.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, root) = Parsed::of_one_yaml(text);
    let Some(root) = root else { return parsed };
    let place = root.place;
    let Some(root) = root.expect_mapping("a dregsy configuration", &mut parsed) else {
        return parsed;
    };
    root.warn_unused(&["tasks"], IGNORED, &mut parsed);
    match root.entry("tasks") {
        Some((_, tasks)) if !tasks.is_empty() => {
            for node in tasks.expect_sequence("`tasks`", &mut parsed).unwrap_or_default() {
                task(node, &mut parsed);
            }
        }
        Some((key, _)) => parsed.warn(key.place, "there is nothing under `tasks`"),
        None => parsed.warn(place, "there are no `tasks`"),
    }
    parsed.in_order()
}

fn task(node: &Node, parsed: &mut Parsed) {
    let Some(mapping) = node.expect_mapping("a task", parsed) else { return };
    mapping.warn_unused(&["name", "source", "target", "mappings"], IGNORED_IN_TASK, parsed);
    let source = location(node, mapping, "source", parsed);
    let target = location(node, mapping, "target", parsed);
    let (Some((source, lister)), Some((target, _))) = (source, target) else { return };
    let task = Task { source, target, lister };
    let Some(mappings) = mapping.get("mappings").filter(|node| !node.is_empty()) else {
        return parsed.warn(node.place, "the task has no `mappings`, so it copies nothing");
    };
    for node in mappings.expect_sequence("`mappings`", parsed).unwrap_or_default() {
        mapping::read(&task, node, parsed);
    }
}

/// Returns the registry of `source` or `target`, and its lister.
fn location<'a>(
    task: &Node,
    mapping: &'a Mapping,
    key: &str,
    parsed: &mut Parsed,
) -> Option<(&'a str, &'a str)> {
    let Some(node) = mapping.get(key) else {
        parsed.error(task.place, format!("the task has no `{key}`"));
        return None;
    };
    let location = node.expect_mapping(&format!("`{key}`"), parsed)?;
    location.warn_unused(&["registry", "lister", "auth"], IGNORED_IN_SOURCE, parsed);
    let mut lister = mapping::CATALOG;
    if let Some(node) = location.get("lister").filter(|node| !node.is_empty())
        && let Some(settings) = node.expect_mapping("`lister`", parsed)
        && let Some(kind) = settings.get("type")
    {
        lister = kind.expect_text("the type of a lister", parsed)?;
    }
    let Some(registry) = location.get("registry") else {
        parsed.error(node.place, format!("`{key}` without `registry`"));
        return None;
    };
    let registry = registry.expect_text("`registry`", parsed)?;
    if let Some((key, auth)) = location.entry("auth").filter(|(_, node)| !node.is_empty()) {
        match auth.as_text().map(login_of) {
            Some(Ok(Some(login))) => parsed.credential(key.place, registry, &login),
            Some(Ok(None)) => {}
            Some(Err(())) | None => parsed.warn(key.place, NO_AUTH),
        }
    }
    Some((registry, lister))
}

/// Reads the base64 of a user name and a password in JSON. `none` is no login.
fn login_of(auth: &str) -> Result<Option<Login>, ()> {
    if auth == "none" {
        return Ok(None);
    }
    let json = STANDARD.decode(auth.trim()).map_err(|_| ())?;
    let login: Value = serde_json::from_slice(&json).map_err(|_| ())?;
    let of = |key: &str| login.get(key).and_then(Value::as_str).map(text).ok_or(());
    Ok(Some(Login::Password { username: of("username")?, password: of("password")? }))
}

#[cfg(test)]
mod tests;
