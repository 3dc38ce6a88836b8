//! Answers of Quay, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, Response};
use longshore_plugin_sdk::mock::{answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::Quay;

const LOOK: &str = "GET api /api/v1/repository/team/app/web";
const CREATE: &str = "POST api /api/v1/repository";

/// Prepares a scope against prepared answers. Returns the result and the requests.
fn run(
    config: &str,
    scope: (&str, &str),
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let quay = Quay::from_config(config).expect("a configuration");
    let scope = Scope::new(scope.0, scope.1);
    answered(answers.iter().cloned(), || quay.prepare("quay.test", &scope, dry_run))
}

fn repository(
    config: &str,
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    run(config, ("repository", "team/app/web"), dry_run, answers)
}

fn error(status: u16, kind: &str, message: &str) -> Response {
    let body = json!({"error_type": kind, "error_message": message, "status": status});
    answer(status).body(body.to_string())
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(request.body.as_deref().expect("a body")).expect("JSON")
}

#[test]
fn repositories_need_their_organization_only_if_configured() {
    let scopes = |config: &str, repository: &str| {
        let quay = Quay::from_config(config).expect("a configuration");
        let scopes = quay.scopes("quay.test", repository).expect("scopes");
        scopes.into_iter().map(|scope| format!("{} {}", scope.kind, scope.name)).collect::<Vec<_>>()
    };
    assert_eq!(scopes("{}", "team/app/web"), ["repository team/app/web"]);
    let create = r#"{"create-organizations":true}"#;
    assert_eq!(scopes(create, "team/app"), ["organization team", "repository team/app"]);
    assert!(scopes(create, "app").is_empty());
}

#[test]
fn the_depth_follows_the_setting() {
    let depth = |config: &str| {
        Quay::from_config(config).expect("a configuration").describe("q").expect("known").max_depth
    };
    assert_eq!(depth("{}"), None);
    assert_eq!(depth(r#"{"nested":false}"#), Some(2));
}

#[test]
fn a_missing_repository_is_created_with_its_visibility() {
    for (config, visibility) in [("{}", "private"), (r#"{"public":true}"#, "public")] {
        let answers = [(LOOK, answer(404)), (CREATE, answer(201))];
        let (result, asked) = repository(config, false, &answers);
        assert_eq!(result.expect("created").state, State::Created);
        let expected = json!({
            "namespace": "team", "repository": "app/web", "visibility": visibility,
            "description": "", "repo_kind": "image",
        });
        assert_eq!(body(&asked[1]), expected);
    }
    let (result, _) = repository("{}", false, &[(LOOK, answer(200))]);
    assert_eq!(result.expect("ready").state, State::Ready);
    let (result, _) = repository("{}", true, &[(LOOK, answer(404))]);
    assert_eq!(result.expect("a state").state, State::WouldCreate);
}

#[test]
fn a_hidden_repository_is_told_by_the_creation() {
    let hidden = error(403, "insufficient_scope", "Unauthorized");
    let exists = error(400, "invalid_request", "Repository already exists");
    let (result, _) = repository("{}", false, &[(LOOK, hidden.clone()), (CREATE, exists)]);
    assert_eq!(result.expect("ready").state, State::Ready);
    let (result, _) = repository("{}", true, &[(LOOK, hidden)]);
    assert!(matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("repo:read")));
    let expired = error(401, "invalid_token", "Expired");
    let (result, asked) = repository("{}", false, &[(LOOK, expired)]);
    assert!(matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("Expired")));
    assert_eq!(asked.len(), 1, "a wrong token is not shown twice");
    let (result, asked) = repository("{}", false, &[(LOOK, answer(401))]);
    assert!(
        matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("answered 401 to GET"))
    );
    assert_eq!(asked.len(), 1, "it would be refused again");
}

#[test]
fn each_refusal_has_its_consequence() {
    let creating = |config: &str, refusal: Response| {
        repository(config, false, &[(LOOK, answer(404)), (CREATE, refusal)]).0
    };
    let scope = error(403, "insufficient_scope", "Unauthorized");
    for (config, part) in [
        ("{}", "the organization does not exist"),
        (r#"{"create-organizations":true}"#, "repo:create"),
    ] {
        let result = creating(config, scope.clone());
        let Err(PluginError::Unauthorized(why)) = result else { panic!("{result:?}") };
        assert!(why.contains(part) && why.contains("Quay says: Unauthorized"), "{why}");
    }
    assert!(matches!(creating("{}", answer(401)), Err(PluginError::Unauthorized(_))));
    let plan = creating("{}", error(402, "exceeds_license", "Payment"));
    assert!(matches!(&plan, Err(PluginError::Other(coded)) if coded.code == "quay/plan"));
    for conflict in
        [answer(409), error(409, "conflict", "no"), error(400, "x", "It already exists")]
    {
        assert_eq!(creating("{}", conflict).expect("ready").state, State::Ready);
    }
    for status in [400, 404, 418] {
        let result = creating("{}", answer(status));
        assert!(
            matches!(&result, Err(PluginError::Other(coded)) if coded.code == "quay/unexpected-answer"),
            "{result:?}"
        );
    }
    for status in [408, 429, 500, 502, 503] {
        let limited = answer(status).with_header("retry-after", "7");
        assert_eq!(creating("{}", limited), Err(PluginError::Transient(Some(7))), "{status}");
    }
}

#[test]
fn a_missing_organization_is_created() {
    let (look, create) = ("GET api /api/v1/organization/team", "POST api /api/v1/organization/");
    let scope = ("organization", "team");
    let (result, asked) = run("{}", scope, false, &[(look, answer(404)), (create, answer(201))]);
    assert_eq!(result.expect("created").state, State::Created);
    assert_eq!(body(&asked[1]), json!({"name": "team"}));
    let (result, _) = run("{}", scope, true, &[(look, answer(404))]);
    assert_eq!(result.expect("a state").state, State::WouldCreate);
    let taken =
        error(400, "invalid_request", "A user or organization with this name already exists");
    let (result, _) = run("{}", scope, false, &[(look, answer(404)), (create, taken)]);
    assert_eq!(result.expect("ready").state, State::Ready);
    let (result, _) = run("{}", scope, false, &[(look, answer(404)), (create, answer(403))]);
    assert!(matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("org:admin")));
}

#[test]
fn wrong_configurations_are_refused() {
    for json in [r#"{"public":"yes"}"#, r#"{"visibility":"public"}"#, "7"] {
        assert!(Quay::from_config(json).is_err(), "{json} passed");
    }
}
