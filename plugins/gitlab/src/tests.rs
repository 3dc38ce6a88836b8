//! Answers of GitLab, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, Response};
use longshore_plugin_sdk::mock::{answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::GitLab;

const GROUP: &str = "GET api /api/v4/namespaces/team";
const CREATE: &str = "POST api /api/v4/projects";

/// Prepares a repository against prepared answers. Returns the result and the requests.
fn run(
    config: &str,
    repository: &str,
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let gitlab = GitLab::from_config(config).expect("a configuration");
    let scope = Scope::new("project", repository);
    answered(answers.iter().cloned(), || gitlab.prepare("registry.test", &scope, dry_run))
}

fn project(path: &str) -> String {
    format!("GET api /api/v4/projects/{path}")
}

fn group() -> Response {
    answer(200).body(r#"{"id":7,"kind":"group","full_path":"team"}"#)
}

fn said(status: u16, message: Value) -> Response {
    answer(status).body(json!({"message": message}).to_string())
}

/// Creates `team/app` in the group, which answers so.
fn creating(answer_to_post: Response) -> Result<Outcome, PluginError> {
    let look = project("team/app");
    let answers = [(look.as_str(), answer(404)), (GROUP, group()), (CREATE, answer_to_post)];
    run("{}", "team/app", false, &answers).0
}

#[test]
fn the_deepest_project_that_a_repository_may_lie_in_is_found() {
    let (deep, middle, top) = (project("a/b/c/d"), project("a/b/c"), project("a/b"));
    let missing = || answer(404);
    let found = || answer(200).body(r#"{"id":1}"#);
    for answers in [
        vec![(deep.as_str(), found())],
        vec![(deep.as_str(), missing()), (middle.as_str(), found())],
        vec![(deep.as_str(), missing()), (middle.as_str(), missing()), (top.as_str(), found())],
    ] {
        let (result, _) = run("{}", "a/b/c/d", false, &answers);
        assert_eq!(result.expect("ready").state, State::Ready);
    }
}

#[test]
fn a_missing_project_is_created_in_its_group() {
    let config = r#"{"visibility":"internal"}"#;
    let (deep, top) = (project("team/app/web"), project("team/app"));
    let answers = [
        (deep.as_str(), answer(404)),
        (top.as_str(), answer(404)),
        (GROUP, group()),
        (CREATE, answer(201)),
    ];
    let (result, asked) = run(config, "team/app/web", false, &answers);
    let outcome = result.expect("created");
    assert_eq!(
        (outcome.state, outcome.message.as_deref()),
        (State::Created, Some("as the project team/app"))
    );
    let body: Value =
        serde_json::from_slice(asked[3].body.as_deref().expect("a body")).expect("JSON");
    let expected = json!({
        "name": "app", "path": "app", "namespace_id": 7, "visibility": "internal",
        "container_registry_access_level": "enabled",
    });
    assert_eq!(body, expected);
    let (result, asked) = run(config, "team/app/web", true, &answers[..3]);
    assert_eq!(result.expect("a state").state, State::WouldCreate);
    assert_eq!(asked.len(), 3);
}

#[test]
fn the_depth_of_new_projects_is_configured() {
    let paths = ["a/b/c/d/e", "a/b/c/d", "a/b/c"].map(project);
    let looks: Vec<(&str, Response)> =
        paths.iter().map(|path| (path.as_str(), answer(404))).collect();
    let (result, _) = run("{}", "a/b/c/d/e", false, &looks);
    let Err(PluginError::Other(coded)) = result else { panic!("{result:?}") };
    assert_eq!(coded.code, "gitlab/too-deep");
    assert!(coded.message.contains("at least 3"), "{}", coded.message);
    let mut answers = looks;
    answers.push(("GET api /api/v4/namespaces/a/b", group()));
    answers.push((CREATE, answer(201)));
    let (result, _) = run(r#"{"project-depth":3}"#, "a/b/c/d/e", false, &answers);
    assert_eq!(result.expect("created").message.as_deref(), Some("as the project a/b/c"));
}

#[test]
fn a_group_is_never_created() {
    let look = project("team/app");
    let answers = [(look.as_str(), answer(404)), (GROUP, said(404, json!("404 Not found")))];
    for dry_run in [false, true] {
        let (result, _) = run("{}", "team/app", dry_run, &answers);
        let Err(PluginError::Other(coded)) = result else { panic!("{result:?}") };
        assert_eq!(coded.code, "gitlab/no-group");
    }
}

#[test]
fn a_disabled_registry_is_named() {
    let look = project("team/app");
    let disabled = answer(200).body(r#"{"container_registry_access_level":"disabled"}"#);
    let (result, _) = run("{}", "team/app", false, &[(look.as_str(), disabled)]);
    assert!(
        matches!(&result, Err(PluginError::Other(coded)) if coded.code == "gitlab/registry-disabled")
    );
}

#[test]
fn each_refusal_has_its_consequence() {
    let taken = json!({"name": ["has already been taken"], "path": ["has already been taken"]});
    for status in [400, 409] {
        let result = creating(said(status, taken.clone()));
        assert_eq!(result.expect("ready").state, State::Ready);
    }
    for conflict in [answer(409), said(409, json!("Conflict"))] {
        assert_eq!(creating(conflict).expect("ready").state, State::Ready);
    }
    let refused = creating(said(400, json!({"path": ["can contain only letters"]})));
    assert!(
        matches!(&refused, Err(PluginError::Other(coded)) if coded.message.contains("only letters"))
    );
    let forbidden = creating(said(403, json!("403 Forbidden")));
    let Err(PluginError::Unauthorized(why)) = forbidden else { panic!("{forbidden:?}") };
    assert!(why.contains("create projects in team") && why.contains("403 Forbidden"), "{why}");
    let scope = answer(403).body(r#"{"error":"insufficient_scope","scope":"api"}"#);
    assert!(
        matches!(creating(scope), Err(PluginError::Unauthorized(why)) if why.contains("insufficient_scope"))
    );
    assert!(matches!(creating(answer(401)), Err(PluginError::Unauthorized(_))));
    assert!(matches!(creating(answer(404)), Err(PluginError::Other(_))));
    for status in [429, 500, 502, 503] {
        let limited = answer(status).with_header("retry-after", "7");
        assert_eq!(creating(limited), Err(PluginError::Transient(Some(7))), "{status}");
    }
}

#[test]
fn wrong_configurations_are_refused() {
    for json in [r#"{"visibility":"secret"}"#, r#"{"project-depth":1}"#, r#"{"public":true}"#] {
        assert!(GitLab::from_config(json).is_err(), "{json} passed");
    }
}
