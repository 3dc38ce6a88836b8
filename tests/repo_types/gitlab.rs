//! `--repo-type gitlab`, against a server that behaves as GitLab's API reference says. The API is at
//! another host than the registry.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::{Places, assert_silent, json, sent};
use crate::support::{Answer, FaultProxy, Longshore, Rule};

const TOKEN: &str = "glpat-t0ken-of-gitlab";

/// The projects of a GitLab.
pub(super) type Projects = Arc<Mutex<BTreeSet<String>>>;

/// Starts the API of a GitLab with the group `team`. The destination takes pushes into its projects only.
pub(super) fn gitlab(places: &Places) -> (FaultProxy, Projects) {
    let api = FaultProxy::without_upstream();
    let projects = Projects::default();
    let known = Arc::clone(&projects);
    api.rule(Rule::on("*", "/api/v4/*").answers_by(move |seen| {
        if seen.authorization() != Some(&format!("Bearer {TOKEN}")) {
            return Some(json(401, &serde_json::json!({"message": "401 Unauthorized"})));
        }
        let mut known = known.lock().expect("no test panics with it");
        let path = seen.path.trim_start_matches("/api/v4/").replace("%2F", "/");
        Some(match (seen.method.as_str(), path.split_once('/')) {
            ("POST", None) if path == "projects" => {
                let body = sent(seen);
                if body["namespace_id"] != 7 {
                    return Some(json(403, &serde_json::json!({"message": "403 Forbidden"})));
                }
                let name = format!("team/{}", body["path"].as_str().unwrap_or_default());
                if !known.insert(name) {
                    let taken = serde_json::json!({"path": ["has already been taken"]});
                    return Some(json(400, &serde_json::json!({"message": taken})));
                }
                json(201, &serde_json::json!({"id": 1}))
            }
            ("GET", Some(("namespaces", "team"))) => json(200, &serde_json::json!({"id": 7})),
            ("GET", Some(("projects", path))) if known.contains(path) => json(
                200,
                &serde_json::json!({"id": 1, "container_registry_access_level": "enabled"}),
            ),
            _ => json(404, &serde_json::json!({"message": "404 Project Not Found"})),
        })
    }));
    let known = Arc::clone(&projects);
    places.destination.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let known = known.lock().expect("no test panics with it");
        let repository = seen.path.trim_start_matches("/v2/");
        let is_known = known.iter().any(|name| repository.starts_with(&format!("{name}/")));
        (!is_known && !["GET", "HEAD"].contains(&seen.method.as_str()))
            .then(|| Answer::error(403, "DENIED"))
    }));
    (api, projects)
}

pub(super) fn run(places: &Places, api: &FaultProxy, repository: &str) -> Longshore {
    places
        .mirror(repository, "gitlab")
        .args(["--plugin-config", &format!("gitlab.api=http://{}", api.address())])
        .args(["--settings", "s.toml"])
        .file("s.toml", "[plugins.gitlab.endpoints.api]\ntoken-env = 'GITLAB_TOKEN'\n")
        .env("GITLAB_TOKEN", TOKEN)
}

#[test]
fn a_missing_project_is_created_and_pushed() {
    let places = Places::new();
    let (api, projects) = gitlab(&places);
    let dry = run(&places, &api, "team/app/web").arg("--dry-run").run().exits(0);
    dry.complains("would be created: as the project team/app");
    assert_eq!(api.count("POST", "/api/v4/projects"), 0, "a dry run created it");
    let done = run(&places, &api, "team/app/web").run().exits(0);
    assert!(
        !done.stdout.contains("not as configured"),
        "the remark only names it: {}",
        done.stdout
    );
    assert_silent(&done.complains("was created: as the project team/app"), TOKEN);
    places.behind.assert_complete("team/app/web", "1");
    assert_eq!(sent(&api.matching("POST", "/api/v4/projects")[0])["visibility"], "private");
    run(&places, &api, "team/app/other").run().exits(0);
    assert_eq!(projects.lock().expect("no test panics with it").len(), 1);
    let leaks = places.destination.requests();
    assert!(
        leaks.iter().all(|seen| seen.authorization().is_none()),
        "the token went to the registry"
    );
}

#[test]
fn a_group_is_never_created() {
    let places = Places::new();
    let (api, _) = gitlab(&places);
    let run = run(&places, &api, "nobody/app").run().exits(1);
    run.complains("there is no group nobody, or the account does not see it");
    assert_eq!(api.count("POST", "*"), 0);
}

#[test]
fn a_wrong_token_is_named_and_sent_once() {
    let places = Places::new();
    let (api, _) = gitlab(&places);
    let wrong = run(&places, &api, "team/app").env("GITLAB_TOKEN", "glpat-wr0ng").run().exits(1);
    assert_silent(&wrong.complains("GitLab answered 401"), "glpat-wr0ng");
    assert_eq!(api.requests().len(), 1);
}

#[test]
fn the_address_of_another_gitlab_must_be_named() {
    let places = Places::new();
    let run = places.mirror("team/app", "gitlab").file("s.toml", "").args(["--settings", "s.toml"]);
    run.run().exits(0).complains("endpoint `api` has no address for the registry");
}
