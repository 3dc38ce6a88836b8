//! Answers of Nexus, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, Response};
use longshore_plugin_sdk::mock::{answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::Nexus;

const LOOK: &str = "GET api /service/rest/v1/repositories/hub";
const CREATE: &str = "POST api /service/rest/v1/repositories/docker/hosted";
const REALMS: &str = "GET api /service/rest/v1/security/realms/active";
const PATH: &str = r#"{"routing":"path"}"#;
const USED: &str = "Name is already used, must be unique (ignoring case)";

/// Prepares the repository `hub` against prepared answers. Returns the result and the requests.
fn run(
    config: &str,
    dry_run: bool,
    answers: &[(&str, Response)],
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let nexus = Nexus::from_config(config).expect("a configuration");
    let scope = Scope::new("repository", "hub");
    answered(answers.iter().cloned(), || nexus.prepare("n.test", &scope, dry_run))
}

fn said(status: u16, message: &str) -> Response {
    answer(status).body(json!([{"id": "PARAMETER name", "message": message}]).to_string())
}

fn creating(answer_to_post: Response) -> Result<Outcome, PluginError> {
    run(PATH, false, &[(LOOK, answer(404)), (CREATE, answer_to_post)]).0
}

/// Creates the repository with these settings. Returns what was sent.
fn sent(config: &str) -> Value {
    let (_, asked) = run(config, false, &[(LOOK, answer(404)), (CREATE, answer(201))]);
    serde_json::from_slice(asked[1].body.as_deref().expect("a body")).expect("JSON")
}

fn code(result: &Result<Outcome, PluginError>) -> &str {
    match result {
        Err(PluginError::Other(coded)) => &coded.code,
        _ => panic!("{result:?}"),
    }
}

#[test]
fn it_has_no_referrers_api() {
    for (config, min_depth) in [(PATH, 1), ("{}", 0), (r#"{"repository":"hub"}"#, 0)] {
        let nexus = Nexus::from_config(config).expect("a configuration");
        let found = nexus.describe("n.test").expect("capabilities");
        assert!(!found.referrers);
        assert_eq!(found.attributes.len(), min_depth, "{config}");
    }
    let nexus = Nexus::from_config(r#"{"routing":"subdomain"}"#).expect("a configuration");
    assert!(nexus.describe("n.test").is_err());
}

#[test]
fn a_missing_repository_is_created_with_its_settings() {
    let (result, asked) = run(PATH, false, &[(LOOK, answer(404)), (CREATE, answer(201))]);
    assert_eq!(result.expect("created").state, State::Created);
    let body: Value =
        serde_json::from_slice(asked[1].body.as_deref().expect("a body")).expect("JSON");
    let expected = json!({
        "name": "hub",
        "online": true,
        "storage": {
            "blobStoreName": "default",
            "strictContentTypeValidation": true,
            "writePolicy": "allow",
        },
        "docker": {"v1Enabled": false, "forceBasicAuth": true, "pathEnabled": true},
    });
    assert_eq!(body, expected);
    let (result, asked) = run(PATH, true, &[(LOOK, answer(404))]);
    assert_eq!((result.expect("a state").state, asked.len()), (State::WouldCreate, 1));

    let ports = sent(r#"{"repository":"hub","http-port":8082,"https-port":8083}"#);
    let docker = &ports["docker"];
    assert_eq!((&docker["httpPort"], &docker["httpsPort"]), (&json!(8082), &json!(8083)));
    assert!(docker["pathEnabled"].is_null());
    assert_eq!(sent(r#"{"routing":"subdomain"}"#)["docker"]["subdomain"], "hub");
    let strict = sent(r#"{"routing":"path","immutable-tags":true,"blob-store":"big"}"#);
    assert_eq!(strict["storage"]["writePolicy"], "allow_once");
    assert_eq!(strict["storage"]["blobStoreName"], "big");
}

#[test]
fn anonymous_pulls_need_a_realm() {
    let config = r#"{"routing":"path","anonymous-pull":true}"#;
    for (realms, part) in [
        (answer(200).body(r#"["NexusAuthenticatingRealm","DockerToken"]"#), None),
        (answer(200).body(r#"["NexusAuthenticatingRealm"]"#), Some("which is not active")),
        (answer(403), Some("does not see whether")),
        (answer(200).body("<html>"), Some("does not see whether")),
    ] {
        let answers = [(LOOK, answer(404)), (CREATE, answer(201)), (REALMS, realms)];
        let (result, asked) = run(config, false, &answers);
        let outcome = result.expect("created");
        assert_eq!(outcome.state, State::Created);
        assert_eq!(outcome.message.is_some(), part.is_some());
        assert!(outcome.message.unwrap_or_default().contains(part.unwrap_or_default()));
        let body: Value =
            serde_json::from_slice(asked[1].body.as_deref().expect("a body")).expect("JSON");
        assert_eq!(body["docker"]["forceBasicAuth"], false);
    }
}

#[test]
fn nothing_is_created_if_the_routing_is_unknown() {
    for dry_run in [false, true] {
        let (result, asked) = run("{}", dry_run, &[(LOOK, answer(404))]);
        assert_eq!((code(&result), asked.len()), ("nexus/unknown-routing", 1));
    }
}

#[test]
fn a_repository_that_takes_no_images_is_named() {
    for (body, expected) in [
        (r#"{"name":"hub","format":"docker","type":"proxy"}"#, "nexus/proxy"),
        (r#"{"name":"hub","format":"maven2","type":"hosted"}"#, "nexus/format"),
    ] {
        let (result, _) = run(PATH, false, &[(LOOK, answer(200).body(body))]);
        assert_eq!(code(&result), expected);
    }
    for body in [
        r#"{"name":"hub","format":"docker","type":"hosted"}"#,
        r#"{"name":"hub","format":"docker","type":"group"}"#,
        r#"{"name":"hub","format":"oci","type":"hosted"}"#,
    ] {
        let (result, _) = run("{}", false, &[(LOOK, answer(200).body(body))]);
        assert_eq!(result.expect("ready").state, State::Ready);
    }
}

#[test]
fn each_refusal_has_its_consequence() {
    for exists in [said(400, USED), answer(409)] {
        assert_eq!(creating(exists).expect("ready").state, State::Ready);
    }
    let refused = creating(said(400, "Blob store must exist"));
    assert_eq!(code(&refused), "nexus/refused");
    assert!(
        matches!(&refused, Err(PluginError::Other(coded)) if coded.message.contains("Blob store"))
    );
    let forbidden = creating(answer(403));
    let Err(PluginError::Unauthorized(why)) = forbidden else { panic!("{forbidden:?}") };
    assert!(why.contains("nx-repository-admin-docker-*-add"), "{why}");
    assert!(matches!(creating(answer(401)), Err(PluginError::Unauthorized(_))));
    for status in [404, 405] {
        assert_eq!(code(&creating(answer(status))), "nexus/unexpected-answer");
    }
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
        r#"{"routing":"path","http-port":8082}"#,
        r#"{"https-port":8082}"#,
        r#"{"repository":"a","http-port":70000}"#,
        r#"{"write-policy":"allow"}"#,
    ] {
        assert!(Nexus::from_config(json).is_err(), "{json} passed");
    }
}
