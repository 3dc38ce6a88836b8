//! Answers of ECR, and the expected outcome.

use longshore_plugin_sdk::PluginError;
use longshore_plugin_sdk::host::{Request, RequestError, Response};
use longshore_plugin_sdk::mock::{MockHost, answer, answered};
use longshore_plugin_sdk::repo_type::{Outcome, RepoType, Scope, State};
use serde_json::{Value, json};

use super::{Ecr, SERVICE};

const REGISTRY: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

fn error(status: u16, kind: &str) -> Response {
    answer(status).body(json!({"__type": kind, "message": format!("about {kind}")}).to_string())
}

fn missing() -> Response {
    error(400, "RepositoryNotFoundException")
}

/// Prepares `team/app` against prepared answers.
fn run(
    config: &str,
    dry_run: bool,
    answers: impl IntoIterator<Item = Response>,
) -> (Result<Outcome, PluginError>, Vec<Request>) {
    let ecr = Ecr::from_config(config).expect("a configuration");
    let scope = Scope::new("repository", "team/app");
    let answers = answers.into_iter().map(|answer| ("POST api /", answer));
    answered(answers, || ecr.prepare(REGISTRY, &scope, dry_run))
}

fn operation(request: &Request) -> (String, Value) {
    let header = |key: &str| {
        let found = request.headers.iter().find(|header| header.key == key);
        found.expect("the header is there").value.clone()
    };
    assert_eq!(header("content-type"), "application/x-amz-json-1.1");
    let target = header("x-amz-target");
    let name = target.strip_prefix(SERVICE).and_then(|name| name.strip_prefix('.'));
    let body = request.body.as_deref().expect("a body");
    (name.expect("an operation").to_owned(), serde_json::from_slice(body).expect("JSON"))
}

#[test]
fn an_existing_repository_is_only_looked_at() {
    for dry_run in [false, true] {
        let (result, asked) = run("{}", dry_run, [answer(200).body("{}")]);
        assert_eq!(result.expect("ready").state, State::Ready);
        let body = json!({"repositoryNames": ["team/app"], "registryId": "123456789012"});
        assert_eq!(operation(&asked[0]), ("DescribeRepositories".to_owned(), body));
    }
}

#[test]
fn a_missing_repository_is_created_with_the_settings() {
    let config = r#"{"tag-mutability":"immutable","scan-on-push":true,"encryption":"kms","kms-key":"alias/a"}"#;
    let (result, asked) = run(config, false, [missing(), answer(200).body("{}")]);
    assert_eq!(result.expect("created").state, State::Created);
    let body = json!({
        "repositoryName": "team/app",
        "registryId": "123456789012",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/a"},
    });
    assert_eq!(operation(&asked[1]), ("CreateRepository".to_owned(), body));
    let (_, asked) = run("{}", false, [missing(), answer(200)]);
    let (_, body) = operation(&asked[1]);
    assert_eq!(body["imageTagMutability"], "MUTABLE");
    assert_eq!(body["encryptionConfiguration"], json!({"encryptionType": "AES256"}));
}

#[test]
fn a_dry_run_creates_nothing() {
    let (result, asked) = run("{}", true, [missing()]);
    assert_eq!(result.expect("a state").state, State::WouldCreate);
    assert_eq!(asked.len(), 1);
}

#[test]
fn an_account_that_may_not_look_still_creates() {
    let denied = || error(400, "AccessDeniedException");
    let (result, _) = run("{}", false, [denied(), answer(200)]);
    assert_eq!(result.expect("created").state, State::Created);
    let (result, _) = run("{}", false, [denied(), error(400, "RepositoryAlreadyExistsException")]);
    assert_eq!(result.expect("ready").state, State::Ready);
    for (dry_run, right) in [(true, "ecr:DescribeRepositories"), (false, "ecr:CreateRepository")] {
        let answers = if dry_run { vec![denied()] } else { vec![denied(), denied()] };
        let (result, _) = run("{}", dry_run, answers);
        let Err(PluginError::Unauthorized(message)) = result else { panic!("{result:?}") };
        assert!(message.contains(right) && message.contains("about AccessDenied"), "{message}");
    }
}

#[test]
fn each_error_has_its_consequence() {
    let creating = |answer: Response| run("{}", false, [missing(), answer]).0;
    for kind in
        ["UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException"]
    {
        let result = creating(error(400, kind));
        assert!(matches!(&result, Err(PluginError::Unauthorized(why)) if why.contains(kind)));
    }
    for (status, kind) in [(400, "ThrottlingException"), (500, "ServerException"), (503, "Odd")] {
        assert_eq!(creating(error(status, kind)), Err(PluginError::Transient(None)), "{kind}");
    }
    for status in [401, 403] {
        assert!(matches!(creating(answer(status)), Err(PluginError::Unauthorized(_))), "{status}");
    }
    for status in [429, 500, 502, 503] {
        let limited = answer(status).with_header("retry-after", "7");
        assert_eq!(creating(limited), Err(PluginError::Transient(Some(7))), "{status}");
    }
    for (answer, code) in [
        (error(400, "LimitExceededException"), "ecr/limit"),
        (error(400, "InvalidParameterException"), "ecr/refused"),
        (answer(404), "ecr/unexpected-answer"),
        (answer(409), "ecr/unexpected-answer"),
    ] {
        let result = creating(answer);
        let Err(PluginError::Other(coded)) = result else { panic!("{result:?}") };
        assert_eq!(coded.code, code);
        assert!(coded.message.contains("CreateRepository"), "{}", coded.message);
    }
    let host = MockHost::new().failure("POST api /", RequestError::Denied("no grant".into()));
    let scope = Scope::new("repository", "a");
    let (result, _) = host.run(|| Ecr::default().prepare(REGISTRY, &scope, false));
    assert!(matches!(&result, Err(PluginError::Other(coded)) if coded.code == "ecr/denied"));
}
