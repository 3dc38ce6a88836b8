//! A Nexus Repository 3. The path leads to its repositories, or all requests go to one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::{changes, has_no_referrers, json, lock, logs_in, sent};
use crate::support::{Answer, FaultProxy, Rule, Seen};

/// What the server knows.
#[derive(Debug, Default)]
struct State {
    /// Repositories with their configuration.
    repositories: BTreeMap<String, serde_json::Value>,
    /// The paths of the tags that were pushed.
    tags: BTreeSet<String>,
}

const API: &str = "/service/rest/v1/";

/// The state of a Nexus.
#[derive(Debug)]
pub(crate) struct Nexus(Arc<Mutex<State>>);

impl Nexus {
    /// Makes one proxy the API of a Nexus and one its registry; they may be the same. `only` is the
    /// repository that all requests go to.
    pub(crate) fn on(api: &FaultProxy, registry: &FaultProxy, only: Option<&'static str>) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let known = Arc::clone(&state);
        api.rule(Rule::on("*", "/service/rest/v1/*").answers_by(move |seen| {
            Some(match logs_in(seen) {
                true => answer(seen, &mut lock(&known).repositories),
                false => refused(),
            })
        }));
        let known = Arc::clone(&state);
        registry.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
            if !logs_in(seen) {
                return Some(refused());
            }
            push(seen, only, &mut lock(&known))
        }));
        has_no_referrers(registry);
        Self(state)
    }

    /// Adds a repository with this configuration.
    pub(crate) fn with(self, name: &str, configuration: serde_json::Value) -> Self {
        lock(&self.0).repositories.insert(name.to_owned(), configuration);
        self
    }

    /// Returns the configuration of a repository.
    pub(crate) fn repository(&self, name: &str) -> Option<serde_json::Value> {
        lock(&self.0).repositories.get(name).cloned()
    }
}

fn refused() -> Answer {
    let answer = Answer::status(401).header("server", "Nexus/3.80.0-06 (COMMUNITY)");
    answer.header("www-authenticate", "BASIC realm=\"Sonatype Nexus Repository Manager\"")
}

fn answer(seen: &Seen, repositories: &mut BTreeMap<String, serde_json::Value>) -> Answer {
    let path = seen.path.trim_start_matches(API);
    match (seen.method.as_str(), path) {
        ("GET", "security/realms/active") => {
            json(200, &serde_json::json!(["NexusAuthenticatingRealm"]))
        }
        ("POST", "repositories/docker/hosted") => {
            let mut body = sent(seen);
            let name = body["name"].as_str().unwrap_or_default().to_owned();
            if repositories.contains_key(&name) {
                let message = "Name is already used, must be unique (ignoring case)";
                return json(400, &serde_json::json!([{"id": "name", "message": message}]));
            }
            body["format"] = "docker".into();
            body["type"] = "hosted".into();
            repositories.insert(name, body);
            Answer::status(201)
        }
        ("GET", path) => {
            let name = path.trim_start_matches("repositories/");
            repositories.get(name).map_or_else(|| Answer::status(404), |found| json(200, found))
        }
        _ => Answer::status(405),
    }
}

/// Refuses pushes to what is no hosted repository, and pushes of a tag that may not be pushed again.
fn push(seen: &Seen, only: Option<&str>, state: &mut State) -> Option<Answer> {
    if !changes(seen) {
        return None;
    }
    let path = seen.path.trim_start_matches("/v2/");
    let first = path.split('/').next().unwrap_or_default();
    let Some(found) = state.repositories.get(only.unwrap_or(first)) else {
        return Some(Answer::error(404, "NAME_UNKNOWN"));
    };
    let is_routed = only.is_some() || found["docker"]["pathEnabled"] == true;
    if found["type"] != "hosted" || !is_routed {
        return Some(Answer::error(404, "NAME_UNKNOWN"));
    }
    let is_tag = seen.method == "PUT" && path.contains("/manifests/") && !path.contains("sha256:");
    let is_new = !is_tag || state.tags.insert(path.to_owned());
    (!is_new && found["storage"]["writePolicy"] == "allow_once")
        .then(|| Answer::error(400, "TAG_INVALID"))
}
