//! Answers of Gitea, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, Response};
use longshore_plugin_sdk::mock::{answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::Gitea;

const ORGANIZATION: &str = "GET api /api/v1/orgs/team";
const USER: &str = "GET api /api/v1/users/team";
const CREATE: &str = "POST api /api/v1/orgs";

/// Prepares the owner `team` against prepared answers. Returns the result and the requests.
fn run(
    config: &str,
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let gitea = Gitea::from_config(config).expect("a configuration");
    answered(answers.iter().cloned(), || {
        gitea.prepare("gitea.test", &Scope::new("owner", "team"), dry_run)
    })
}

fn said(status: u16, message: &str) -> Response {
    answer(status).body(json!({"message": message, "url": "https://gitea.test/api"}).to_string())
}

/// Creates the owner, which nobody sees, and Gitea answers so.
fn creating(answer_to_post: Response) -> Result<Outcome, PluginError> {
    let answers = [(ORGANIZATION, answer(404)), (USER, answer(404)), (CREATE, answer_to_post)];
    run("{}", false, &answers).0
}

#[test]
fn the_first_component_is_the_owner() {
    let gitea = Gitea::from_config("{}").expect("a configuration");
    let scopes = |repository: &str| gitea.scopes("gitea.test", repository).expect("scopes");
    for repository in ["team/app", "team/app/web", "team/a/b/c"] {
        assert_eq!(scopes(repository), [Scope::new("owner", "team")]);
    }
    assert!(scopes("app").is_empty());
}

#[test]
fn it_has_no_referrers_api_and_wants_an_owner() {
    let gitea = Gitea::from_config("{}").expect("a configuration");
    let found = gitea.describe("gitea.test").expect("capabilities");
    assert!(!found.referrers && found.cross_mount && found.chunked_upload);
    assert_eq!((found.attributes[0].key.as_str(), &*found.attributes[0].value), ("min-depth", "2"));
    assert_eq!(found.max_depth, None);
}

#[test]
fn organizations_and_users_are_owners() {
    let (result, asked) = run("{}", false, &[(ORGANIZATION, answer(200))]);
    assert_eq!((result.expect("ready").state, asked.len()), (State::Ready, 1));
    let (result, asked) = run("{}", true, &[(ORGANIZATION, answer(404)), (USER, answer(200))]);
    assert_eq!((result.expect("ready").state, asked.len()), (State::Ready, 2));
}

#[test]
fn a_missing_organization_is_created_with_its_visibility() {
    for (config, visibility) in [
        ("{}", "private"),
        (r#"{"visibility":"limited"}"#, "limited"),
        (r#"{"visibility":"public"}"#, "public"),
    ] {
        let answers = [(ORGANIZATION, answer(404)), (USER, answer(404)), (CREATE, answer(201))];
        let (result, asked) = run(config, false, &answers);
        assert_eq!(result.expect("created").state, State::Created);
        let sent: Value =
            serde_json::from_slice(asked[2].body.as_deref().expect("a body")).expect("JSON");
        assert_eq!(sent, json!({"username": "team", "visibility": visibility}));
        let (result, asked) = run(config, true, &answers[..2]);
        assert_eq!((result.expect("a state").state, asked.len()), (State::WouldCreate, 2));
    }
}

#[test]
fn nothing_is_created_if_told_so() {
    let answers = [(ORGANIZATION, answer(404)), (USER, answer(404))];
    for dry_run in [false, true] {
        let (result, _) = run(r#"{"create-organizations":false}"#, dry_run, &answers);
        assert!(
            matches!(&result, Err(PluginError::Other(coded)) if coded.code == "gitea/no-owner"),
            "{result:?}"
        );
    }
}

#[test]
fn what_the_token_may_not_read_is_told_by_the_creation() {
    let scope = said(403, "token does not have at least one of required scope(s)");
    let answers =
        [(ORGANIZATION, scope.clone()), (USER, scope.clone()), (CREATE, said(422, EXISTS))];
    let (result, _) = run("{}", false, &answers);
    let outcome = result.expect("ready");
    assert_eq!(outcome.state, State::Ready);
    assert!(outcome.message.expect("a remark").contains("does not see team"));
    let (result, _) = run("{}", true, &[(ORGANIZATION, scope)]);
    assert!(
        matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("read:organization"))
    );
}

const EXISTS: &str = "user already exists [name: team]";

#[test]
fn each_refusal_has_its_consequence() {
    for exists in [said(422, EXISTS), answer(409)] {
        assert_eq!(creating(exists).expect("ready").state, State::Ready);
    }
    let reserved = creating(said(422, "name is reserved [name: team]"));
    assert!(
        matches!(&reserved, Err(PluginError::Other(coded)) if coded.message.contains("reserved"))
    );
    let forbidden = creating(said(403, "not allowed to create org"));
    let Err(PluginError::Unauthorized(why)) = forbidden else { panic!("{forbidden:?}") };
    assert!(why.contains("write:organization") && why.contains("not allowed"), "{why}");
    assert!(matches!(creating(answer(401)), Err(PluginError::Unauthorized(_))));
    for status in [400, 404, 418] {
        assert!(matches!(creating(answer(status)), Err(PluginError::Other(_))), "{status}");
    }
    for status in [408, 429, 500, 503] {
        let limited = answer(status).with_header("retry-after", "7");
        assert_eq!(creating(limited), Err(PluginError::Transient(Some(7))), "{status}");
    }
}

#[test]
fn a_wrong_password_is_not_shown_twice() {
    let (result, asked) = run("{}", false, &[(ORGANIZATION, said(401, "invalid password"))]);
    assert!(matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains("invalid")));
    assert_eq!(asked.len(), 1);
}

#[test]
fn wrong_configurations_are_refused() {
    for json in [r#"{"visibility":"secret"}"#, r#"{"create-organizations":"yes"}"#, r#"{"a":1}"#] {
        assert!(Gitea::from_config(json).is_err(), "{json} passed");
    }
}
