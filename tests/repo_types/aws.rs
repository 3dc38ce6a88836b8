//! Keys of AWS that come from profiles, web identities, and roles of containers and instances.

use super::{Places, assert_silent, ecr, json};
use crate::support::moto::{ACCOUNT, Moto};
use crate::support::{Answer, FaultProxy, Longshore, Rule};

const KEY: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "sess1on-token-of-a-role";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// A destination with an API of ECR.
fn with_api(places: &Places, api: &str) -> Longshore {
    let api = format!("ecr.api=http://{api}");
    let longshore = places.mirror("mirror/app", "ecr").args(["--plugin-config", &api]);
    longshore.env("AWS_REGION", "eu-west-1")
}

/// An API of ECR that takes every signature.
fn fake_ecr(places: &Places) -> FaultProxy {
    ecr::wants_password(&places.destination, "pa55word-of-ecr");
    let api = FaultProxy::without_upstream();
    ecr::ecr(&api, "pa55word-of-ecr", json(200, &serde_json::json!({})));
    api
}

/// Returns the names of the keys and the session tokens that requests were signed with.
fn signed(api: &FaultProxy) -> Vec<(String, Option<String>)> {
    let of = |shown: &str| shown.split(['=', '/']).nth(1).unwrap_or_default().to_owned();
    let seen = api.requests();
    let mut all: Vec<_> = seen
        .iter()
        .map(|seen| {
            let token = seen.header("x-amz-security-token").map(str::to_owned);
            (of(seen.authorization().unwrap_or_default()), token)
        })
        .collect();
    all.dedup();
    all
}

fn document(id: &str, key: &str, token: Option<&str>, ends: &str) -> Answer {
    let document = serde_json::json!({
        "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": id, "SecretAccessKey": key,
        "Token": token, "Expiration": ends,
    });
    json(200, &document)
}

/// The metadata service of an instance with a role, whose document is this answer.
fn instance(document: impl Fn() -> Answer + Send + Sync + 'static) -> FaultProxy {
    let service = FaultProxy::without_upstream();
    service.rule(Rule::on("PUT", "/latest/api/token").answers_by(|seen| {
        let life = seen.header("x-aws-ec2-metadata-token-ttl-seconds");
        Some(match life {
            Some("21600") => Answer::status(200).body("t0ken-of-the-instance"),
            _ => Answer::status(400),
        })
    }));
    service.rule(Rule::on("GET", "/latest/*").answers_by(|seen| {
        let is_right = seen.header("x-aws-ec2-metadata-token") == Some("t0ken-of-the-instance");
        (!is_right).then(|| Answer::status(401))
    }));
    service.rule(Rule::on("GET", ROLES).answers(Answer::status(200).body("mirror-role\n")));
    let path = format!("{ROLES}mirror-role");
    service.rule(Rule::on("GET", &path).answers_by(move |_| Some(document())));
    service
}

fn at(service: &FaultProxy) -> String {
    format!("http://{}", service.address())
}

#[test]
fn moto_accepts_the_keys_of_a_profile() {
    let Some(moto) = Moto::start(&["ecr:*"]) else { return };
    let places = Places::new();
    ecr::wants_password(&places.destination, &format!("{ACCOUNT}-auth-token"));
    let credentials = format!(
        "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = {KEY}\n\
         [team]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        moto.key_id, moto.key
    );
    let api = format!("ecr.api=http://{}", moto.address());
    let run = places.mirror("mirror/app", "ecr").args(["--plugin-config", &api]);
    let run = run
        .file("../home/.aws/credentials", credentials)
        .file("../home/.aws/config", "[profile team]\nregion = eu-west-1\n")
        .env("AWS_PROFILE", "team")
        .run()
        .exits(0);
    assert_silent(&run.complains("repository mirror/app on ").complains("was created"), &moto.key);
    places.behind.assert_complete("mirror/app", "1");
}

#[test]
fn moto_accepts_the_keys_of_an_instance() {
    let Some(moto) = Moto::start(&["ecr:*"]) else { return };
    let places = Places::new();
    ecr::wants_password(&places.destination, &format!("{ACCOUNT}-auth-token"));
    let (id, key) = (moto.key_id.clone(), moto.key.clone());
    let service = instance(move || document(&id, &key, None, "2099-01-01T00:00:00Z"));
    let run = || {
        let run = with_api(&places, moto.address());
        run.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", at(&service)).run().exits(0)
    };
    assert_silent(&run().complains("was created"), &moto.key);
    assert_silent(&run(), "t0ken-of-the-instance");
    places.behind.assert_complete("mirror/app", "1");
    let tokens = service.count("PUT", "*");
    assert_eq!((tokens, service.requests().len()), (2, 6), "each run asks once");
}

#[test]
fn an_instance_is_not_asked_if_there_are_other_keys() {
    let service = instance(|| document("ASIAROLE", KEY, Some(SESSION), "2099-01-01T00:00:00Z"));
    let file = format!("[default]\naws_access_key_id=AKIAFILE\naws_secret_access_key={KEY}\n");
    let settings = "[plugins.ecr.endpoints.api]\nprofile = 'team'\n";
    let team = format!("[team]\naws_access_key_id=AKIATEAM\naws_secret_access_key={KEY}\n");
    for (expected, content, has_variables) in
        [("AKIAFILE", &file, false), ("AKIAENV", &file, true), ("AKIATEAM", &team, true)]
    {
        let places = Places::new();
        let api = fake_ecr(&places);
        let mut run = with_api(&places, api.address()).file("../home/.aws/credentials", content);
        run = run.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", at(&service));
        if has_variables {
            run = run.env("AWS_ACCESS_KEY_ID", "AKIAENV").env("AWS_SECRET_ACCESS_KEY", KEY);
        }
        if expected == "AKIATEAM" {
            run = run.file("s.toml", settings).args(["--settings", "s.toml"]);
        }
        assert_silent(&run.run().exits(0), KEY);
        assert_eq!(signed(&api), [(expected.to_owned(), None)]);
    }
    assert!(service.requests().is_empty(), "the metadata service was asked");
}

#[test]
fn a_container_gives_its_keys_to_its_token() {
    let places = Places::new();
    let api = fake_ecr(&places);
    let service = FaultProxy::without_upstream();
    service.rule(Rule::on("GET", "/v1/credentials").answers_by(|seen| {
        let is_right = seen.authorization() == Some("t0ken-of-the-pod");
        Some(match is_right {
            true => document("ASIAPOD", KEY, Some(SESSION), "2099-01-01T00:00:00Z"),
            false => Answer::status(403),
        })
    }));
    let url = format!("{}/v1/credentials", at(&service));
    let run = |token: &str| {
        with_api(&places, api.address())
            .file("token", format!("{token}\n"))
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token")
            .run()
    };
    let done = run("t0ken-of-the-pod").exits(0).complains("was created");
    for secret in [KEY, SESSION, "t0ken-of-the-pod"] {
        assert_silent(&done, secret);
    }
    assert_eq!(signed(&api), [("ASIAPOD".to_owned(), Some(SESSION.to_owned()))]);
    assert_eq!(service.requests().len(), 1, "it is asked once");
    let wrong = run("other").complains("no keys of the container's role: ");
    wrong.complains("answered 403");
}

#[test]
fn a_web_identity_takes_its_role() {
    let places = Places::new();
    let api = fake_ecr(&places);
    let sts = FaultProxy::without_upstream();
    sts.rule(Rule::on("POST", "/").answers_by(|seen| {
        let is = |name: &str, value: &str| seen.fields(name) == [value];
        let is_right = is("Action", "AssumeRoleWithWebIdentity")
            && is("RoleArn", "arn:aws:iam::123456789012:role/mirror")
            && is("RoleSessionName", "longshore")
            && is("WebIdentityToken", "eyJ0.t0ken");
        Some(Answer::status(if is_right { 200 } else { 403 }).body(format!(
            "<R><Credentials><AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>{KEY}\
             </SecretAccessKey><SessionToken>{SESSION}</SessionToken>\
             <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></R>"
        )))
    }));
    let run = || {
        with_api(&places, api.address())
            .file("token", "eyJ0.t0ken\n")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", "token")
            .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/mirror")
            .env("AWS_ENDPOINT_URL_STS", at(&sts))
            .run()
    };
    let done = run().exits(0).complains("was created");
    for secret in [KEY, SESSION, "eyJ0.t0ken"] {
        assert_silent(&done, secret);
    }
    assert_eq!(signed(&api), [("ASIAWEB".to_owned(), Some(SESSION.to_owned()))]);
    assert_eq!(sts.count("POST", "/"), 1);

    sts.clear_rules();
    let denied = "<E><Error><Message>Not authorized</Message></Error></E>";
    sts.rule(Rule::on("POST", "/").answers(Answer::status(403).body(denied)));
    run().complains("no keys of the role arn:aws:iam").complains("(Not authorized)");
}

#[test]
fn keys_that_end_are_fetched_again() {
    let places = Places::new();
    let api = fake_ecr(&places);
    let count = std::sync::atomic::AtomicUsize::new(0);
    let service = instance(move || {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        document(&format!("ASIA{number}"), KEY, Some(SESSION), "2020-01-01T00:00:00Z")
    });
    let run = with_api(&places, api.address());
    run.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", at(&service)).run().exits(0);
    let names: Vec<String> = signed(&api).into_iter().map(|(name, _)| name).collect();
    assert!(names.len() > 1, "{names:?}");
}

#[test]
fn no_other_machine_is_asked_for_keys() {
    for (name, value, part) in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://metadata.test", "leads to another machine"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.1/keys", "leads to another machine"),
        ("AWS_ENDPOINT_URL_STS", "http://sts.test", "leads to another machine"),
        ("AWS_PROFILE", "nobody", "no file of AWS has the profile `nobody`"),
    ] {
        let places = Places::new();
        let api = fake_ecr(&places);
        let mut run = with_api(&places, api.address()).env(name, value);
        if name == "AWS_ENDPOINT_URL_STS" {
            run = run.file("token", "t").env("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
            run = run.env("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");
        }
        run.run().complains(part);
        assert!(api.requests().is_empty(), "{name}");
    }
}

#[test]
fn a_machine_without_a_role_uses_the_login() {
    let places = Places::new();
    ecr::wants_password(&places.destination, "pa55word");
    let api = FaultProxy::without_upstream();
    let service = FaultProxy::without_upstream();
    let run = with_api(&places, api.address())
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", at(&service))
        .env("DOCKER_USERNAME", "AWS")
        .env("DOCKER_PASSWORD", "pa55word")
        .run()
        .exits(0);
    run.complains("endpoint api has no credential").complains("no profile or role of AWS");
    places.behind.assert_complete("mirror/app", "1");
    assert_eq!(service.requests().len(), 1, "it is asked once in a run");
}
