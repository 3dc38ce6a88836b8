//! Blobs behind redirects.

use super::{Ends, REPOSITORY};
use crate::support::{Answer, FaultProxy, Longshore, Rule, Run};

/// Runs with a credential for both registries.
fn mirror_with_credential(ends: &Ends) -> Run {
    let auth = format!(
        r#"{{"auths":{{"{}":{{"auth":"am86c2VjcmV0"}},"{}":{{"auth":"am86c2VjcmV0"}}}}}}"#,
        ends.source_proxy.address(),
        ends.destination_proxy.address()
    );
    Longshore::new()
        .file("../home/.docker/config.json", auth)
        .mirror()
        .arg("--debug")
        .list("team/app team/app 1\n")
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .run()
}

/// Requires `Basic` authentication with any credential.
fn asks_for_a_password() -> Rule {
    Rule::on("*", "/v2/*").answers_by(|seen| {
        let challenge = || Answer::status(401).header("www-authenticate", "Basic realm=\"a\"");
        seen.authorization().is_none().then(challenge)
    })
}

#[test]
fn a_redirect_to_another_host_is_followed_without_the_credential() {
    let ends = Ends::with_layer(1000);
    let elsewhere = FaultProxy::before(&ends.source);
    let to = format!("http://{}{}?sig=s3cr3t", elsewhere.address(), ends.layer_path());
    ends.source_proxy.rule(asks_for_a_password());
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::redirect(&to)));
    let run = mirror_with_credential(&ends).exits(0);
    ends.destination.assert_complete(REPOSITORY, "1");
    let seen = elsewhere.requests();
    assert_eq!(seen.len(), 1, "one request goes elsewhere");
    assert_eq!(seen[0].authorization(), None, "the credential left its registry");
    let asked = ends.source_proxy.matching("GET", &ends.layer_path());
    let known = asked.last().and_then(|seen| seen.authorization());
    assert_eq!(known, Some("Basic am86c2VjcmV0"), "the registry itself gets the credential");
    for secret in ["am86c2VjcmV0", "s3cr3t"] {
        assert!(!run.stderr.contains(secret), "{secret} is in the log\n{}", run.stderr);
    }
}

#[test]
fn a_host_that_is_redirected_to_cannot_ask_for_the_credential() {
    let ends = Ends::with_layer(1000);
    let elsewhere = FaultProxy::without_upstream();
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"x\"", elsewhere.address());
    for challenge in [realm.as_str(), "Basic realm=\"x\""] {
        elsewhere.clear_rules();
        elsewhere.forget();
        elsewhere
            .rule(Rule::on("GET", "/token").answers(Answer::status(200).body(r#"{"token":"t"}"#)))
            .rule(
                Rule::on("*", "*")
                    .answers(Answer::status(401).header("www-authenticate", challenge)),
            );
        ends.source_proxy.clear_rules();
        ends.source_proxy.rule(asks_for_a_password());
        let to = format!("http://{}/layer", elsewhere.address());
        ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::redirect(&to)));
        let refused = format!("unauthorized (401) at {}, which it", elsewhere.address());
        let run = mirror_with_credential(&ends).exits(1).complains(&refused);
        assert!(!run.stderr.contains("check that the credential"), "{}", run.stderr);
        for seen in elsewhere.requests() {
            let shown = seen.authorization().filter(|shown| *shown != "Bearer t");
            assert_eq!(shown, None, "{} {} got it", seen.method, seen.path);
        }
    }
}

/// Makes a registry give a token to everybody and want it with each request.
fn gives_tokens(registry: &FaultProxy) {
    let realm = format!(
        "Bearer realm=\"http://{}/token\",service=\"other\",scope=\"repository:x:pull\"",
        registry.address()
    );
    registry.rule(Rule::on("GET", "/token").answers(Answer::status(200).body(r#"{"token":"t"}"#)));
    registry.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let refused = || Answer::status(401).header("www-authenticate", &realm);
        (seen.authorization() != Some("Bearer t")).then(refused)
    }));
}

#[test]
fn another_registry_that_wants_a_token_is_asked_as_nobody() {
    let ends = Ends::with_layer(1000);
    let elsewhere = FaultProxy::before(&ends.source);
    gives_tokens(&elsewhere);
    ends.source_proxy.rule(asks_for_a_password());
    for (method, path) in
        [("GET", "*/blobs/*"), ("GET", "*/manifests/*"), ("HEAD", "*/manifests/*")]
    {
        let host = elsewhere.address().to_owned();
        ends.source_proxy.rule(Rule::on(method, path).answers_by(move |seen| {
            Some(Answer::redirect(&format!("http://{host}{}", seen.path)))
        }));
    }
    mirror_with_credential(&ends).exits(0);
    ends.destination.assert_complete(REPOSITORY, "1");
    let tokens = elsewhere.matching("GET", "/token");
    assert_eq!(tokens.len(), 1, "the token is used again");
    assert_eq!(tokens[0].parameters("scope"), ["repository:x:pull"]);
    assert_eq!(tokens[0].parameters("service"), ["other"]);
    for seen in elsewhere.requests() {
        let shown = seen.authorization().filter(|shown| *shown != "Bearer t");
        assert_eq!(shown, None, "the credential left its registry");
    }
    let own = ends.source_proxy.requests();
    assert!(own.iter().all(|seen| seen.authorization() != Some("Bearer t")), "nor the token");
}

#[test]
fn another_registry_that_gives_no_token_to_all_is_named() {
    for status in [401, 403, 404, 500] {
        let ends = Ends::with_layer(1000);
        let elsewhere = FaultProxy::before(&ends.source);
        elsewhere.rule(Rule::on("GET", "/token").answers(Answer::status(status)));
        gives_tokens(&elsewhere);
        let to = format!("http://{}{}", elsewhere.address(), ends.layer_path());
        ends.source_proxy.rule(Rule::on("GET", "*/blobs/*").answers(Answer::redirect(&to)));
        let refused = format!("unauthorized (401) at {}, which it redirects", elsewhere.address());
        let hint = format!(
            "hint: it redirects to another registry: log in there and name {} in its place",
            elsewhere.address()
        );
        mirror_with_credential(&ends).exits(1).complains(&refused).complains(&hint);
    }
}

#[test]
fn redirects_in_a_circle_end() {
    let ends = Ends::with_layer(1000);
    let path = ends.layer_path();
    ends.source_proxy.rule(Rule::on("GET", &path).answers(Answer::redirect(&path)));
    ends.fails(&["source: fetch blob", "redirects too often"]);
    let asked = ends.source_proxy.count("GET", &path);
    assert!((2..=10).contains(&asked), "{asked} requests");
}

#[test]
fn a_redirect_to_nowhere_fails() {
    for (to, why) in [("ftp://127.0.0.1/x", "scheme"), ("http://[", "not a URL")] {
        let ends = Ends::with_layer(1000);
        ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::redirect(to)));
        ends.fails(&["source: fetch blob", "location that cannot be used", why]);
    }
}

#[test]
fn a_redirect_without_a_location_fails() {
    let ends = Ends::with_layer(1000);
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::status(302)));
    ends.fails(&["source: fetch blob", "location that cannot be used"]);
}

#[test]
fn an_upload_to_another_host_goes_without_the_credential() {
    let ends = Ends::with_layer(1000);
    let elsewhere = FaultProxy::before(&ends.destination);
    ends.destination_proxy.rule(asks_for_a_password());
    let host = elsewhere.address().to_owned();
    ends.destination_proxy.rule(Rule::on("POST", "*/blobs/uploads/").alters(move |answer| {
        let here = answer.headers.iter().find(|(name, _)| name == "location");
        let (_, path) = here.and_then(|(_, url)| url.split_once("/v2/")).expect("a location");
        let there = format!("http://{host}/v2/{path}");
        answer.header("location", &there)
    }));
    mirror_with_credential(&ends).exits(0);
    ends.destination.assert_complete(REPOSITORY, "1");
    let puts = elsewhere.matching("PUT", "*");
    assert_eq!(puts.len(), 2, "layer and configuration go there");
    for seen in elsewhere.requests() {
        assert_eq!(seen.authorization(), None, "the credential left its registry");
    }
}

#[test]
fn a_redirected_upload_is_not_treated_as_stored() {
    let ends = Ends::with_layer(1000);
    let elsewhere = FaultProxy::without_upstream();
    let to = format!("http://{}/x", elsewhere.address());
    ends.destination_proxy
        .rule(Rule::on("PUT", "*/blobs/uploads/*").answers(Answer::redirect(&to)));
    ends.fails(&["destination: push blob", "(307)"]);
    assert_eq!(elsewhere.requests().len(), 0, "a body that is gone cannot be sent elsewhere");
}
