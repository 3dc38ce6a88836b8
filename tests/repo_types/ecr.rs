//! `--repo-type ecr`, against moto's check of signatures and against answers of our own.

use base64::Engine as _;

use super::{Places, assert_silent, json, sent};
use crate::support::moto::{ACCOUNT, Moto};
use crate::support::{Answer, FaultProxy, Longshore, Rule, Seen};

const SERVICE: &str = "AmazonEC2ContainerRegistry_V20150921";
const KEY: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";

fn encoded(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Makes the registry require ECR's password.
pub(super) fn wants_password(destination: &FaultProxy, password: &str) {
    let right = format!("Basic {}", encoded(&format!("AWS:{password}")));
    destination.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let challenge = "Basic realm=\"https://ecr.test/\",service=\"ecr.amazonaws.com\"";
        let refused = || Answer::status(401).header("www-authenticate", challenge);
        (seen.authorization() != Some(&right)).then(refused)
    }));
}

fn with_moto(places: &Places, moto: &Moto, key: &str) -> Longshore {
    let api = format!("ecr.api=http://{}", moto.address());
    places
        .mirror("mirror/app", "ecr")
        .args(["--plugin-config", &api])
        .env("AWS_ACCESS_KEY_ID", &moto.key_id)
        .env("AWS_SECRET_ACCESS_KEY", key)
        .env("AWS_REGION", "eu-west-1")
}

#[test]
fn moto_accepts_the_signatures_and_creates_the_repository() {
    let Some(moto) = Moto::start(&["ecr:*"]) else { return };
    let places = Places::new();
    wants_password(&places.destination, &format!("{ACCOUNT}-auth-token"));
    let dry = with_moto(&places, &moto, &moto.key).arg("--dry-run").run().exits(0);
    dry.complains("repository mirror/app on ").complains("would be created");
    let settings = ["--plugin-config", "ecr.tag-mutability=immutable"];
    let run = with_moto(&places, &moto, &moto.key).args(settings).run().exits(0);
    let run = run.complains("was created");
    assert_silent(&run, &moto.key);
    places.behind.assert_complete("mirror/app", "1");
    let again = with_moto(&places, &moto, &moto.key).run().exits(0);
    assert!(!again.stderr.contains("was created"), "{}", again.stderr);

    // The key is wrong, so no signature is right.
    let wrong = with_moto(&Places::new(), &moto, KEY).run().exits(0);
    let wrong = wrong.complains("not authorized").complains("(from AWS_ACCESS_KEY_ID)");
    assert_silent(&wrong, KEY);
    // The key fetches no password either. `docker login` writes no keys of AWS.
    let places = Places::new();
    wants_password(&places.destination, &format!("{ACCOUNT}-auth-token"));
    let run = with_moto(&places, &moto, KEY).run().exits(1);
    let run = run.complains("fetch the registry's credential with plugin `ecr`: not authorized");
    let run = run.complains("hint: check the account of the plugin's endpoint and its rights");
    assert_silent(&run, KEY);
}

#[test]
fn moto_refuses_what_the_user_may_not_do() {
    let Some(moto) = Moto::start(&["ecr:GetAuthorizationToken", "ecr:DescribeRepositories"]) else {
        return;
    };
    let run = with_moto(&Places::new(), &moto, &moto.key).run().exits(0);
    run.complains("repository mirror/app on ")
        .complains("ECR answered")
        .complains("CreateRepository");
}

/// What a request asks for: the operation, and the scope of its signature.
fn asked(seen: &Seen) -> (String, String) {
    let target = seen.header("x-amz-target").expect("it names the operation");
    let operation = target.strip_prefix(SERVICE).expect("it is ECR's").trim_start_matches('.');
    let shown = seen.authorization().expect("it is signed");
    let scope = shown.split(['=', ',']).nth(1).expect("it has a scope");
    (operation.to_owned(), scope.to_owned())
}

/// Makes a server answer as ECR does, with this answer to `CreateRepository`.
pub(super) fn ecr(api: &FaultProxy, password: &'static str, creation: Answer) {
    api.rule(Rule::on("POST", "/").answers_by(move |seen| {
        let missing = || json(400, &serde_json::json!({"__type": "RepositoryNotFoundException"}));
        Some(match asked(seen).0.as_str() {
            "GetAuthorizationToken" => {
                let token = encoded(&format!("AWS:{password}"));
                let data = serde_json::json!([{"authorizationToken": token, "expiresAt": 4e9}]);
                json(200, &serde_json::json!({"authorizationData": data}))
            }
            "DescribeRepositories" => missing(),
            "CreateRepository" => creation.clone(),
            _ => Answer::status(404),
        })
    }));
}

#[test]
fn each_registry_has_its_account_and_region() {
    let (first, second) = (Places::new(), Places::new());
    let api = FaultProxy::without_upstream();
    ecr(&api, "pa55word-of-ecr", json(200, &serde_json::json!({})));
    let (a, b) = (first.destination.address(), second.destination.address());
    wants_password(&first.destination, "pa55word-of-ecr");
    wants_password(&second.destination, "pa55word-of-ecr");
    let settings = format!(
        "[plugins.ecr.endpoints.api]\norigin = 'http://{}'\n\
         [plugins.ecr.endpoints.api.'{a}']\naccess-key-id = 'AKIAFIRST'\n\
         secret-access-key = '{KEY}'\nregion = 'eu-west-1'\n\
         [plugins.ecr.endpoints.api.'{b}']\naccess-key-id = 'AKIASECOND'\n\
         secret-access-key-env = 'OTHER_KEY'\nregion = 'us-east-2'\nsession-token = 'sess1on-token'\n",
        api.address()
    );
    let list = format!("team/app {a}/x/app 1\nteam/app {b}/x/app 1\n");
    let run = Longshore::new().mirror().list(&list).source(first.source.address());
    let run = run.args(["--repo-type", "ecr", "--settings", "s.toml", "--debug"]);
    let run = run.file("s.toml", settings).env("OTHER_KEY", KEY).run().exits(0);
    for places in [&first, &second] {
        places.behind.assert_complete("x/app", "1");
    }
    let scopes = |operation: &str| {
        let seen = api.requests();
        let mut scopes: Vec<String> = seen
            .iter()
            .map(asked)
            .filter(|(asked, _)| asked == operation)
            .map(|(_, scope)| {
                let parts: Vec<&str> = scope.split('/').collect();
                format!("{} {} {}", parts[0], parts[2], parts[3])
            })
            .collect();
        scopes.sort();
        scopes
    };
    let expected = ["AKIAFIRST eu-west-1 ecr", "AKIASECOND us-east-2 ecr"];
    assert_eq!(scopes("GetAuthorizationToken"), expected);
    assert_eq!(scopes("CreateRepository"), expected);
    let with_token = |seen: &&Seen| seen.header("x-amz-security-token") == Some("sess1on-token");
    assert_eq!(api.requests().iter().filter(with_token).count(), 3);
    for secret in [KEY, "sess1on-token", "pa55word-of-ecr"] {
        assert_silent(&run, secret);
    }
}

#[test]
fn a_registry_elsewhere_needs_the_address_of_the_api() {
    let places = Places::new();
    let run = places.mirror("x/app", "ecr").env("AWS_ACCESS_KEY_ID", "AKIA");
    let run = run.env("AWS_SECRET_ACCESS_KEY", KEY).run().exits(0);
    run.complains("endpoint `api` has no address for the registry");
}

#[test]
fn a_server_that_repeats_the_signature_brings_it_nowhere() {
    let places = Places::new();
    let api = FaultProxy::without_upstream();
    api.rule(Rule::on("POST", "/").answers_by(|seen| {
        let shown = seen.authorization().unwrap_or_default();
        let token = seen.header("x-amz-security-token").unwrap_or_default();
        let message = format!("I saw {shown} and {token}");
        Some(json(400, &serde_json::json!({"__type": "Odd", "message": message})))
    }));
    let run = places
        .mirror("x/app", "ecr")
        .args(["--plugin-config", &format!("ecr.api=http://{}", api.address())])
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_SECRET_ACCESS_KEY", KEY)
        .env("AWS_SESSION_TOKEN", "sess1on-token")
        .env("AWS_REGION", "eu-west-1")
        .run()
        .complains("I saw AWS4-HMAC-SHA256 Credential=AKIA/");
    let seen = api.requests();
    assert!(!seen.is_empty());
    for seen in seen {
        let shown = seen.authorization().expect("it is signed").to_owned();
        let (_, signature) = shown.split_once("Signature=").expect("it has a signature");
        assert_silent(&run, signature);
    }
    assert_silent(&run, "sess1on-token");
}

#[test]
fn the_settings_reach_the_new_repository() {
    let places = Places::new();
    let api = FaultProxy::without_upstream();
    ecr(&api, "pa55word-of-ecr", json(200, &serde_json::json!({})));
    let set = |key: &str| ["--plugin-config".to_owned(), format!("ecr.{key}")];
    places
        .mirror("x/app", "ecr")
        .args(set(&format!("api=http://{}", api.address())))
        .args(set("scan-on-push=true"))
        .args(set("encryption=kms"))
        .args(set("kms-key=alias/mine"))
        .args(set("registry-id=210987654321"))
        .env("AWS_ACCESS_KEY_ID", "AKIA")
        .env("AWS_SECRET_ACCESS_KEY", KEY)
        .env("AWS_REGION", "eu-west-1")
        .run()
        .exits(0);
    let requests = api.requests();
    let created = requests.iter().find(|seen| asked(seen).0 == "CreateRepository");
    let expected = serde_json::json!({
        "repositoryName": "x/app",
        "registryId": "210987654321",
        "imageTagMutability": "MUTABLE",
        "imageScanningConfiguration": {"scanOnPush": true},
        "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/mine"},
    });
    assert_eq!(sent(created.expect("it is created")), expected);
}
