//! A Gitea (or Forgejo). It takes pushes of the account into the packages of owners that exist.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::{changes, has_no_referrers, json, lock, logs_in, sent, wants_token};
use crate::support::{Answer, FaultProxy, Rule, Seen};

/// Organizations with their visibility. Users have none.
type Owners = Arc<Mutex<BTreeMap<String, Option<String>>>>;

/// The state of a Gitea.
#[derive(Debug)]
pub(crate) struct Gitea(Owners);

impl Gitea {
    /// Makes a proxy a Gitea with these users.
    pub(crate) fn on(proxy: &FaultProxy, users: &[&str]) -> Self {
        let owners: Owners = Arc::default();
        lock(&owners).extend(users.iter().map(|&user| (user.to_owned(), None)));
        let known = Arc::clone(&owners);
        proxy.rule(Rule::on("*", "/api/v1/*").answers_by(move |seen| {
            Some(match logs_in(seen) {
                true => api(seen, &mut lock(&known)),
                false => said(401, "invalid username, password or token"),
            })
        }));
        wants_token(proxy, "/v2/token", "container_registry", None);
        let known = Arc::clone(&owners);
        proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
            let owner = seen.path.trim_start_matches("/v2/").split('/').next().unwrap_or_default();
            let is_missing = !lock(&known).contains_key(owner);
            (is_missing && changes(seen)).then(|| Answer::error(404, "NAME_UNKNOWN"))
        }));
        has_no_referrers(proxy);
        Self(owners)
    }

    /// Returns the organizations and their visibility, sorted by name.
    pub(crate) fn organizations(&self) -> Vec<(String, String)> {
        let owners = lock(&self.0);
        let pairs = owners.iter().filter_map(|(name, visibility)| {
            visibility.as_ref().map(|visibility| (name.clone(), visibility.clone()))
        });
        pairs.collect()
    }
}

fn said(status: u16, message: &str) -> Answer {
    json(status, &serde_json::json!({"message": message, "url": "/api/swagger"}))
}

fn api(seen: &Seen, owners: &mut BTreeMap<String, Option<String>>) -> Answer {
    let path = seen.path.trim_start_matches("/api/v1/");
    match (seen.method.as_str(), path.split_once('/')) {
        ("POST", None) if path == "orgs" => {
            let body = sent(seen);
            let name = body["username"].as_str().unwrap_or_default().to_owned();
            if ["admin", "api", "assets", "explore", "login"].contains(&name.as_str()) {
                return said(422, &format!("name is reserved [name: {name}]"));
            }
            if owners.contains_key(&name) {
                return said(422, &format!("user already exists [name: {name}]"));
            }
            let visibility = body["visibility"].as_str().unwrap_or("public").to_owned();
            owners.insert(name, Some(visibility));
            json(201, &serde_json::json!({"id": 1}))
        }
        ("GET", Some(("orgs", name))) if matches!(owners.get(name), Some(Some(_))) => {
            json(200, &serde_json::json!({"name": name}))
        }
        ("GET", Some(("users", name))) if owners.contains_key(name) => {
            json(200, &serde_json::json!({"login": name}))
        }
        ("GET", Some(("orgs", _))) => said(404, "The target couldn't be found."),
        ("GET", Some(("users", name))) => said(404, &format!("user does not exist [name: {name}]")),
        _ => Answer::status(405),
    }
}
