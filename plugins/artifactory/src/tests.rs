//! Answers of Artifactory, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, Response};
use longshore_plugin_sdk::mock::{answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::Artifactory;

const LOOK: &str = "GET api /artifactory/api/repositories/local";
const CREATE: &str = "PUT api /artifactory/api/repositories/local";
const PATH: &str = r#"{"routing":"path"}"#;
const EXISTS: &str = "Case insensitive repository key already exists";
const PRO: &str = "This REST API is available only in Artifactory Pro (see: jfrog.com).";

/// Prepares the repository `local` against prepared answers. Returns the result and the requests.
fn run(
    config: &str,
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let artifactory = Artifactory::from_config(config).expect("a configuration");
    let scope = Scope::new("repository", "local");
    answered(answers.iter().cloned(), || artifactory.prepare("a.test", &scope, dry_run))
}

fn said(status: u16, message: &str) -> Response {
    let errors = json!({"errors": [{"status": status, "message": message}]});
    answer(status).body(errors.to_string())
}

fn creating(answer_to_put: Response) -> Result<Outcome, PluginError> {
    run(PATH, false, &[(LOOK, said(400, "Bad Request")), (CREATE, answer_to_put)]).0
}

fn code(result: &Result<Outcome, PluginError>) -> &str {
    match result {
        Err(PluginError::Other(coded)) => &coded.code,
        _ => panic!("{result:?}"),
    }
}

#[test]
fn the_routing_names_the_repository() {
    for (config, registry, path, expected) in [
        (PATH, "a.test", "local/team/app", Some("local")),
        (r#"{"routing":"subdomain"}"#, "local.a.test", "team/app", Some("local")),
        (r#"{"repository":"local"}"#, "a.test:5001", "app", Some("local")),
        ("{}", "a.test", "local/app", Some("local")),
        ("{}", "a.test", "app", None),
    ] {
        let artifactory = Artifactory::from_config(config).expect("a configuration");
        let scopes = artifactory.scopes(registry, path).expect("scopes");
        let names: Vec<&str> = scopes.iter().map(|scope| scope.name.as_str()).collect();
        assert_eq!(names, Vec::from_iter(expected), "{config} {registry} {path}");
    }
}

#[test]
fn a_missing_repository_is_created_with_its_settings() {
    for missing in [said(400, "Bad Request"), said(404, "Not Found"), answer(404)] {
        let (result, asked) =
            run(PATH, false, &[(LOOK, missing.clone()), (CREATE, answer(200).body("done"))]);
        assert_eq!(result.expect("created").state, State::Created);
        let sent: Value =
            serde_json::from_slice(asked[1].body.as_deref().expect("a body")).expect("JSON");
        let expected = json!({
            "key": "local", "rclass": "local", "packageType": "docker",
            "dockerApiVersion": "V2", "maxUniqueTags": 0,
        });
        assert_eq!(sent, expected);
        let (result, asked) = run(PATH, true, &[(LOOK, missing)]);
        assert_eq!((result.expect("a state").state, asked.len()), (State::WouldCreate, 1));
    }
    let config = r#"{"routing":"path","package-type":"oci","project-key":"p","max-unique-tags":7}"#;
    let (_, asked) = run(config, false, &[(LOOK, answer(404)), (CREATE, answer(200))]);
    let sent: Value =
        serde_json::from_slice(asked[1].body.as_deref().expect("a body")).expect("JSON");
    assert_eq!((&sent["packageType"], &sent["projectKey"]), (&json!("oci"), &json!("p")));
    assert_eq!(sent["maxUniqueTags"], 7);
}

#[test]
fn nothing_is_created_if_the_routing_is_unknown() {
    for dry_run in [false, true] {
        let (result, asked) = run("{}", dry_run, &[(LOOK, answer(404))]);
        assert_eq!((code(&result), asked.len()), ("artifactory/unknown-routing", 1));
    }
    let local = answer(200).body(r#"{"key":"local","rclass":"local","packageType":"docker"}"#);
    let (result, _) = run("{}", false, &[(LOOK, local)]);
    assert_eq!(result.expect("ready").state, State::Ready);
}

#[test]
fn a_repository_that_takes_no_images_is_named() {
    for (body, expected) in [
        (r#"{"rclass":"remote","packageType":"docker"}"#, "artifactory/remote"),
        (r#"{"type":"REMOTE"}"#, "artifactory/remote"),
        (r#"{"rclass":"local","packageType":"maven"}"#, "artifactory/package-type"),
    ] {
        let (result, _) = run(PATH, false, &[(LOOK, answer(200).body(body))]);
        assert_eq!(code(&result), expected, "{body}");
    }
    for body in [
        r#"{"rclass":"local","packageType":"Docker"}"#,
        r#"{"rclass":"virtual","packageType":"docker"}"#,
        r#"{"rclass":"federated","packageType":"oci"}"#,
        r#"{"key":"local"}"#,
        "",
    ] {
        let (result, _) = run(PATH, false, &[(LOOK, answer(200).body(body))]);
        assert_eq!(result.expect("ready").state, State::Ready, "{body}");
    }
}

#[test]
fn an_edition_without_the_api_is_named() {
    let (result, asked) = run(PATH, false, &[(LOOK, said(400, PRO))]);
    assert_eq!((code(&result), asked.len()), ("artifactory/edition", 1));
    assert_eq!(code(&creating(said(400, PRO))), "artifactory/edition");
}

#[test]
fn each_refusal_has_its_consequence() {
    for exists in [said(400, EXISTS), said(409, "conflict"), answer(409)] {
        assert_eq!(creating(exists).expect("ready").state, State::Ready);
    }
    let refused = creating(answer(400).body("Invalid repository key\n"));
    assert_eq!(code(&refused), "artifactory/refused");
    assert!(
        matches!(&refused, Err(PluginError::Other(coded)) if coded.message.contains("Invalid"))
    );
    let forbidden = creating(said(403, "Forbidden"));
    let Err(PluginError::Unauthorized(why)) = forbidden else { panic!("{forbidden:?}") };
    assert!(why.contains("administrator") && why.contains("Forbidden"), "{why}");
    assert!(matches!(creating(answer(401)), Err(PluginError::Unauthorized(_))));
    assert_eq!(code(&creating(answer(404).body("<html>"))), "artifactory/unexpected-answer");
    for status in [408, 429, 500, 503] {
        let limited = answer(status).with_header("retry-after", "7");
        assert_eq!(creating(limited), Err(PluginError::Transient(Some(7))), "{status}");
    }
    for status in [401, 403] {
        let (result, asked) = run(PATH, false, &[(LOOK, answer(status))]);
        assert!(matches!(result, Err(PluginError::Unauthorized(_))), "{status}");
        assert_eq!(asked.len(), 1);
    }
}

#[test]
fn wrong_configurations_are_refused() {
    for json in [
        r#"{"routing":"port"}"#,
        r#"{"routing":"path","repository":"a"}"#,
        r#"{"package-type":"maven"}"#,
        r#"{"public":true}"#,
        r#"{"max-unique-tags":-1}"#,
    ] {
        assert!(Artifactory::from_config(json).is_err(), "{json} passed");
    }
}
