//! An Artifactory. The path leads to its repositories, or all requests go to one of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{changes, json, lock, logs_in, sent, wants_token};
use crate::support::{Answer, FaultProxy, Rule, Seen};

/// Repositories with their configuration.
type Repositories = Arc<Mutex<BTreeMap<String, serde_json::Value>>>;

const API: &str = "/artifactory/api/repositories/";

/// The state of an Artifactory.
#[derive(Debug)]
pub(crate) struct Artifactory(Repositories);

impl Artifactory {
    /// Makes a proxy an Artifactory. `only` is the repository that all requests go to.
    pub(crate) fn on(proxy: &FaultProxy, only: Option<&'static str>) -> Self {
        let repositories: Repositories = Arc::default();
        let known = Arc::clone(&repositories);
        proxy.rule(Rule::on("*", "/artifactory/api/repositories/*").answers_by(move |seen| {
            Some(match logs_in(seen) {
                true => api(seen, &mut lock(&known)),
                false => said(401, "Bad Credentials"),
            })
        }));
        let version = ("x-jfrog-version", "Artifactory/7.104.6 80406900");
        let path = format!("/artifactory/api/docker/{}/v2/token", only.unwrap_or("null"));
        wants_token(proxy, &path, proxy.address(), Some(version));
        let known = Arc::clone(&repositories);
        proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
            let path = seen.path.trim_start_matches("/v2/");
            let key = only.unwrap_or_else(|| path.split('/').next().unwrap_or_default());
            let takes = lock(&known).get(key).is_some_and(|found| found["rclass"] == "local");
            (!takes && changes(seen)).then(|| Answer::error(404, "NAME_UNKNOWN"))
        }));
        Self(repositories)
    }

    /// Adds a repository with this configuration.
    pub(crate) fn with(self, key: &str, configuration: serde_json::Value) -> Self {
        lock(&self.0).insert(key.to_owned(), configuration);
        self
    }

    /// Returns the configuration of a repository.
    pub(crate) fn repository(&self, key: &str) -> Option<serde_json::Value> {
        lock(&self.0).get(key).cloned()
    }
}

fn said(status: u16, message: &str) -> Answer {
    json(status, &serde_json::json!({"errors": [{"status": status, "message": message}]}))
}

fn api(seen: &Seen, repositories: &mut BTreeMap<String, serde_json::Value>) -> Answer {
    let key = seen.path.trim_start_matches(API).to_owned();
    match (seen.method.as_str(), repositories.get(&key)) {
        ("GET", Some(found)) => json(200, found),
        ("GET", None) => said(400, "Bad Request"),
        ("PUT", Some(_)) => said(400, "Case insensitive repository key already exists"),
        ("PUT", None) => {
            repositories.insert(key.clone(), sent(seen));
            Answer::status(200).body(format!("Successfully created repository '{key}' \n"))
        }
        _ => Answer::status(405),
    }
}
