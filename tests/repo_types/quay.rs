//! `--repo-type quay`, against a server that behaves as Quay's API reference says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::{Places, assert_silent, json, sent};
use crate::support::{Answer, FaultProxy, Longshore, Rule};

const TOKEN: &str = "0auth-t0ken-of-quay";

/// The organizations and repositories of a Quay.
pub(super) type State = Arc<Mutex<(BTreeSet<String>, BTreeSet<String>)>>;

/// Makes the destination a Quay with these organizations. It takes pushes into its repositories only.
pub(super) fn quay(places: &Places, organizations: &[&str]) -> State {
    let organizations = organizations.iter().map(|&name| name.to_owned()).collect();
    let state: State = Arc::new(Mutex::new((organizations, BTreeSet::new())));
    let error = |status: u16, kind: &str, message: &str| {
        json(status, &serde_json::json!({"error_type": kind, "error_message": message}))
    };
    let known = Arc::clone(&state);
    places.destination.rule(Rule::on("*", "/api/v1/*").answers_by(move |seen| {
        if seen.authorization() != Some(&format!("Bearer {TOKEN}")) {
            return Some(error(401, "invalid_token", "The access token is wrong"));
        }
        let mut known = known.lock().expect("no test panics with it");
        let path = seen.path.trim_start_matches("/api/v1/");
        Some(match (seen.method.as_str(), path) {
            ("POST", "organization/") => {
                let name = sent(seen)["name"].as_str().unwrap_or_default().to_owned();
                known.0.insert(name);
                json(201, &serde_json::json!("Created"))
            }
            ("POST", "repository") => {
                let body = sent(seen);
                let namespace = body["namespace"].as_str().unwrap_or_default();
                if !known.0.contains(namespace) {
                    return Some(error(403, "insufficient_scope", "Unauthorized"));
                }
                let name =
                    format!("{namespace}/{}", body["repository"].as_str().unwrap_or_default());
                if !known.1.insert(name) {
                    return Some(error(400, "invalid_request", "Repository already exists"));
                }
                json(201, &serde_json::json!({"kind": "image"}))
            }
            ("GET", path) => {
                let found = match path.split_once('/') {
                    Some(("organization", name)) => known.0.contains(name),
                    Some(("repository", name)) => known.1.contains(name),
                    _ => false,
                };
                Answer::status(if found { 200 } else { 404 })
            }
            _ => Answer::status(405),
        })
    }));
    let known = Arc::clone(&state);
    places.destination.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let known = known.lock().expect("no test panics with it");
        let repository = seen.path.trim_start_matches("/v2/");
        let is_known = known.1.iter().any(|name| repository.starts_with(&format!("{name}/")));
        (!is_known && !["GET", "HEAD"].contains(&seen.method.as_str()))
            .then(|| Answer::error(403, "DENIED"))
    }));
    state
}

pub(super) fn run(places: &Places, repository: &str) -> Longshore {
    places
        .mirror(repository, "quay")
        .args(["--plugin-config", "quay.https=false", "--settings", "s.toml"])
        .file("s.toml", "[plugins.quay.endpoints.api]\ntoken-env = 'QUAY_TOKEN'\n")
        .env("QUAY_TOKEN", TOKEN)
}

fn created(destination: &FaultProxy) -> Vec<serde_json::Value> {
    destination.matching("POST", "/api/v1/repository").iter().map(sent).collect()
}

#[test]
fn a_missing_repository_is_created_and_pushed() {
    let places = Places::new();
    quay(&places, &["team"]);
    let dry = run(&places, "team/sub/app").arg("--dry-run").run().exits(0);
    dry.complains("repository team/sub/app on ").complains("would be created");
    assert!(created(&places.destination).is_empty(), "a dry run created it");
    let public = ["--plugin-config", "quay.public=true"];
    let first = run(&places, "team/sub/app").args(public).run().exits(0).complains("was created");
    assert_silent(&first, TOKEN);
    places.behind.assert_complete("team/sub/app", "1");
    let created_now = created(&places.destination);
    assert_eq!(created_now.len(), 1);
    assert_eq!(created_now[0]["visibility"], "public");
    run(&places, "team/sub/app").run().exits(0);
    assert_eq!(created(&places.destination).len(), 1, "it was created again");
    let pushes = places.destination.matching("*", "/v2/*");
    let leaks = |seen: &&crate::support::Seen| seen.authorization().is_some();
    assert_eq!(pushes.iter().filter(leaks).count(), 0, "the token went to the registry");
}

#[test]
fn an_organization_is_created_only_if_told() {
    let places = Places::new();
    quay(&places, &[]);
    let refused = run(&places, "new/app").run().exits(1);
    refused.complains("the organization does not exist");
    let create = ["--plugin-config", "quay.create-organizations=true"];
    let done = run(&places, "new/app").args(create).run().exits(0);
    done.complains("organization new on ").complains("repository new/app on ");
    places.behind.assert_complete("new/app", "1");
}

#[test]
fn a_wrong_token_is_named_and_sent_once() {
    let places = Places::new();
    quay(&places, &["team"]);
    let wrong = run(&places, "team/app").env("QUAY_TOKEN", "wr0ng-t0ken").run().exits(1);
    let wrong = wrong.complains("Quay answered 401").complains("The access token is wrong");
    assert_silent(&wrong, "wr0ng-t0ken");
    assert_eq!(places.destination.count("*", "/api/v1/*"), 1);
}

#[test]
fn nothing_is_created_for_a_name_that_is_too_deep() {
    let places = Places::new();
    quay(&places, &["team"]);
    let flat = ["--plugin-config", "quay.nested=false"];
    let run = run(&places, "team/sub/app").args(flat).run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("the registry allows at most 2 path components"), "{failed}");
    assert!(created(&places.destination).is_empty(), "it was created");
}
