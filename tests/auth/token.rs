//! Tokens: one per repository, refreshed when they expire.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;

use super::{Ends, TOKEN, assert_silent, auth_file, wants_tokens, with_password};
use crate::support::{Answer, FaultProxy, Longshore, Rule};

#[test]
fn a_token_is_fetched_once_however_many_images_wait() {
    let tags: Vec<String> = (0..12).map(|tag| format!("team/app:{tag}")).collect();
    let ends = Ends::with(&tags.iter().map(String::as_str).collect::<Vec<_>>());
    wants_tokens(&ends.source, false);
    wants_tokens(&ends.destination, false);
    let run = ends.mirror().run().exits(0);
    assert_eq!(Ends::scopes(&ends.source), ["repository:team/app:pull"]);
    assert_eq!(Ends::scopes(&ends.destination), ["repository:team/app:pull,push"]);
    for seen in ends.source.matching("GET", "/token") {
        assert_eq!(seen.parameters("service"), ["reg"]);
        assert_eq!(seen.authorization(), None, "no credential is configured");
    }
    ends.behind_destination.assert_complete("team/app", "11");
    assert_silent(&run);
}

#[test]
fn one_token_serves_pulls_pushes_and_mounts() {
    let ends = Ends::with(&["team/one:1", "team/two:1"]);
    wants_tokens(&ends.destination, false);
    ends.mirror().args(["-j", "1"]).run().exits(0);
    assert_eq!(
        Ends::scopes(&ends.destination),
        ["repository:team/one:pull,push", "repository:team/two:pull,push repository:team/one:pull",]
    );
    assert_eq!(ends.destination.count("POST", "/v2/team/two/blobs/uploads/?*from=team%2Fone*"), 1);
    ends.behind_destination.assert_complete("team/two", "1");
}

#[test]
fn a_token_service_that_rejects_a_mount_scope_does_not_stop_the_copy() {
    let names: Vec<String> = (0..6).map(|number| format!("team/app{number}:1")).collect();
    let ends = Ends::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    // The account may do everything except read another repository for a mount.
    ends.destination.rule(
        Rule::on("GET", "/token")
            .answers_by(|seen| (seen.parameters("scope").len() > 1).then(|| Answer::status(401))),
    );
    wants_tokens(&ends.destination, true);
    ends.mirror()
        .file("auth.json", auth_file(&[ends.destination.address()]))
        .env("REGISTRY_AUTH_FILE", "auth.json")
        .run()
        .exits(0)
        .sums_up("6 copied, 0 skipped, 0 failed");
    ends.behind_destination.assert_complete("team/app5", "1");
    let joint = ends.destination.matching("GET", "/token");
    let joint = joint.iter().filter(|seen| seen.parameters("scope").len() > 1).count();
    assert!(joint <= 6, "a service that refuses several scopes is asked for them again: {joint}");
}

#[test]
fn checks_request_only_the_pull_scope() {
    let ends = Ends::with(&["team/app:1"]);
    wants_tokens(&ends.source, false);
    wants_tokens(&ends.destination, false);
    ends.mirror().arg("--dry-run").run().exits(0);
    assert_eq!(Ends::scopes(&ends.source), ["repository:team/app:pull"]);
    assert_eq!(Ends::scopes(&ends.destination), ["repository:team/app:pull"]);

    ends.destination.forget();
    Longshore::new()
        .validate()
        .list(&ends.list)
        .source(ends.source.address())
        .destination(ends.destination.address())
        .run()
        .exits(1);
    assert_eq!(Ends::scopes(&ends.destination), ["repository:team/app:pull"]);
}

/// Returns the response to an expired token.
fn ended(proxy: &FaultProxy) -> Answer {
    let challenge = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", proxy.address());
    Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &challenge)
}

#[test]
fn a_token_that_ends_in_mid_run_is_replaced_once() {
    for (at_source, method, pattern) in [
        (true, "GET", "*/blobs/*"),
        (false, "POST", "*/blobs/uploads/"),
        (false, "PUT", "*/blobs/uploads/*"),
        (false, "PUT", "*/manifests/*"),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        let (ending, other) = match at_source {
            true => (&ends.source, &ends.destination),
            false => (&ends.destination, &ends.source),
        };
        ending.rule(Rule::on(method, pattern).first(1).answers(ended(ending)));
        wants_tokens(ending, false);
        wants_tokens(other, false);
        ends.mirror().run().exits(0);
        ends.behind_destination.assert_complete("team/app", "1");
        assert_eq!(Ends::scopes(ending).len(), 2, "{method} {pattern}: one more token");
        assert_eq!(Ends::scopes(other).len(), 1, "{method} {pattern}: nothing ended there");
    }
}

/// Some registries do not answer 401 to a token that they ended early.
#[test]
fn a_token_that_worked_is_replaced_whatever_its_end_is_called() {
    for (status, code) in [(400, "TOKEN_INVALID"), (403, "DENIED"), (403, "UNAUTHORIZED")] {
        let ends = Ends::with(&["team/app:1", "team/app:2", "team/app:3"]);
        // The first token ends after its sixth use.
        ends.source.rule(
            Rule::on("GET", "/v2/team/app/*").occurring(6..=6).answers(Answer::error(status, code)),
        );
        wants_tokens(&ends.source, false);
        let run = ends.mirror().args(["-j", "1"]).run().exits(0);
        run.sums_up("3 copied, 0 skipped, 0 failed");
        assert_eq!(Ends::scopes(&ends.source).len(), 2, "{status} {code}: one more token");
    }
}

/// Makes a registry require tokens that it refuses with `status` after `allowed` uses.
fn wants_tokens_of_few_uses(proxy: &FaultProxy, allowed: usize, status: u16) {
    let issued = AtomicUsize::new(0);
    proxy.rule(Rule::on("GET", "/token").answers_by(move |seen| {
        let scopes = seen.parameters("scope").join("|").replace(' ', "|");
        let number = issued.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"token":"{TOKEN}|{scopes}|{number}","expires_in":300}}"#);
        Some(Answer::status(200).body(body))
    }));
    let (uses, refusal) = (Mutex::new(HashMap::new()), ended(proxy));
    proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let token = seen.authorization()?.to_owned();
        let mut uses = uses.lock().expect("nobody panics with it");
        let count = uses.entry(token).or_insert(0);
        *count += 1;
        let refusal = match status {
            401 => refusal.clone(),
            status => Answer::error(status, "DENIED"),
        };
        (*count > allowed).then_some(refusal)
    }));
    wants_tokens(proxy, false);
}

const MANY: [&str; 8] = [
    "team/app:1",
    "team/app:2",
    "team/app:3",
    "team/app:4",
    "team/app:5",
    "team/app:6",
    "team/app:7",
    "team/app:8",
];

/// A token may end after a few requests, and so may the one that replaces it.
#[test]
fn tokens_that_end_again_and_again_are_replaced_each_time() {
    for (at_source, status) in [(false, 401), (false, 403), (false, 400), (true, 403)] {
        let ends = Ends::with(&MANY);
        let (ending, other) = match at_source {
            true => (&ends.source, &ends.destination),
            false => (&ends.destination, &ends.source),
        };
        wants_tokens_of_few_uses(ending, 5, status);
        wants_tokens(other, false);
        let run = ends.mirror().args(["-j", "1", "--retries", "0"]).run().exits(0);
        run.sums_up("8 copied, 0 skipped, 0 failed");
        let tokens = Ends::scopes(ending).len();
        assert!((3..=16).contains(&tokens), "{at_source} {status}: {tokens} tokens");
    }
}

/// Requests that are sent at the same time use up each other's tokens.
#[test]
fn a_token_of_few_uses_serves_at_least_the_request_that_it_was_fetched_for() {
    for (allowed, status, chunks) in
        [(2, 401, false), (1, 401, false), (2, 403, false), (3, 400, false), (2, 401, true)]
    {
        let ends = Ends::with(&MANY);
        wants_tokens_of_few_uses(&ends.source, allowed, status);
        if chunks {
            let breaks = Answer::error(413, "SIZE_INVALID");
            let whole = Rule::on("PUT", "*/blobs/uploads/*").answers_by(move |seen| {
                let length = seen.header("content-length").and_then(|length| length.parse().ok());
                (length.unwrap_or(0_u64) > 0).then(|| breaks.clone())
            });
            ends.destination.rule(whole);
        }
        wants_tokens_of_few_uses(&ends.destination, allowed, status);
        let run = ends.mirror().args(["-j", "8"]).run().exits(0);
        run.sums_up("8 copied, 0 skipped, 0 failed");
        for name in MANY {
            let (repository, tag) = name.split_once(':').expect("a tag");
            ends.behind_destination.assert_complete(repository, tag);
        }
    }
}

#[test]
fn a_token_is_found_beside_fields_that_cannot_be_read() {
    for rest in [
        r#""expires_in":1e999"#,
        r#""token":"old""#,
        r#""access_token":7,"expires_in":[60]"#,
        r#""issued_at":"\ud800""#,
    ] {
        let ends = Ends::with(&["team/app:1"]);
        ends.source.rule(Rule::on("GET", "/token").answers_by(move |seen| {
            let scopes = seen.parameters("scope").join("|").replace(' ', "|");
            let body = format!(r#"{{{rest},"token":"{TOKEN}|{scopes}"}}"#);
            Some(Answer::status(200).body(body))
        }));
        wants_tokens(&ends.source, false);
        ends.mirror().run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    }
}

#[test]
fn a_refusal_is_not_answered_with_token_after_token() {
    let ends = Ends::with(&["team/app:1", "team/app:2", "team/app:3", "team/app:4"]);
    ends.source.rule(Rule::on("GET", "*/blobs/*").answers(Answer::error(403, "DENIED")));
    wants_tokens(&ends.source, false);
    ends.mirror().args(["-j", "1"]).run().exits(1).complains("denied");
    let tokens = Ends::scopes(&ends.source).len();
    assert!(tokens <= 5, "one, and at most one more for each image: {tokens}");
}

#[test]
fn the_life_of_a_token_comes_in_many_forms() {
    for life in ["\"300\"", "300.5", "-1", "0", "null", "\"soon\"", "1e3", "true"] {
        let ends = Ends::with(&["team/app:1"]);
        ends.source.rule(Rule::on("GET", "/token").answers_by(move |seen| {
            let scopes = seen.parameters("scope").join("|").replace(' ', "|");
            let body = format!(r#"{{"token":"{TOKEN}|{scopes}","expires_in":{life}}}"#);
            Some(Answer::status(200).body(body))
        }));
        wants_tokens(&ends.source, false);
        ends.mirror().run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        ends.behind_destination.assert_complete("team/app", "1");
    }
}

#[test]
fn a_token_without_the_right_to_push_is_not_fetched_again_and_again() {
    let ends = Ends::with(&["team/app:1", "team/app:2", "team/app:3"]);
    for method in ["POST", "PUT"] {
        ends.destination.rule(Rule::on(method, "*").answers(ended(&ends.destination)));
    }
    wants_tokens(&ends.destination, false);
    ends.mirror().run().exits(1).complains("unauthorized (401)");
    assert_eq!(Ends::scopes(&ends.destination).len(), 2, "one, and one to make sure");
}

#[test]
fn a_busy_token_service_is_retried() {
    let ends = Ends::with(&["team/app:1"]);
    ends.source.rule(Rule::on("GET", "/token").first(1).answers(Answer::status(503)));
    wants_tokens(&ends.source, false);
    ends.mirror().run().exits(0);
    assert_eq!(Ends::scopes(&ends.source).len(), 2);
}

#[test]
fn an_invalid_token_response_is_reported() {
    for (answer, why) in [
        (Answer::status(200).body("<html>"), "no JSON"),
        (Answer::status(200).body("{}"), "no token"),
        (Answer::status(404), "not found (404)"),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        ends.source.rule(Rule::on("GET", "/token").answers(answer));
        wants_tokens(&ends.source, false);
        let run = ends.mirror().run().exits(1);
        run.complains("source: ").complains("token service 127.0.0.1:").complains(why);
    }
}

#[test]
fn a_password_goes_to_the_token_service_and_nowhere_else() {
    let ends = Ends::with(&["team/app:1"]);
    let service = FaultProxy::without_upstream();
    wants_tokens(&service, true);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"reg\"", service.address());
    ends.source.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let refused = || Answer::status(401).header("www-authenticate", &realm);
        (!super::may(seen)).then(refused)
    }));
    let known = auth_file(&[ends.source.address()]);
    let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(0);
    assert_eq!(with_password(&ends.source), 0, "the registry itself gets tokens");
    assert_eq!(with_password(&service), 1);
    assert_eq!(with_password(&ends.destination), 0, "the destination is another registry");
    assert_silent(&run);
}

#[test]
fn a_token_that_is_not_valid_yet_names_the_clocks() {
    // The clock of the registry shows 2001-09-09 01:46:30.
    let date = "Sun, 09 Sep 2001 01:46:30 GMT";
    for (claims, is_early) in [
        (r#"{"nbf":1000000000}"#, true),
        (r#"{"iat":1000003600,"exp":1000007200}"#, true),
        (r#"{"nbf":1000000300.5,"iat":1}"#, true),
        (r#"{"nbf":999999000}"#, false),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        let answer = format!(r#"{{"token":"e30.{encoded}.c2ln"}}"#);
        ends.source.rule(Rule::on("GET", "/token").answers(Answer::status(200).body(answer)));
        let realm = format!("Bearer realm=\"http://{}/token\"", ends.source.address());
        let refused = Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &realm);
        ends.source.rule(Rule::on("*", "/v2/*").answers(refused.header("date", date)));
        let run = ends.mirror().run().exits(1);
        assert_eq!(run.stderr.contains("hint: set the clocks"), is_early, "{}", run.stderr);
        assert_eq!(run.stderr.contains(&format!("its clock shows {date}")), is_early);
    }
}

/// A mount shows the token of an earlier request, and is refused with it. A registry may also answer 403, or run ahead
/// of its token service.
#[test]
fn clocks_that_differ_are_named_whichever_request_is_refused() {
    // The clock of the registry shows 2001-09-09 01:46:40.
    let date = "Sun, 09 Sep 2001 01:46:40 GMT";
    let late = "the token was valid until Sun, 09 Sep 2001 01:45:00 GMT";
    let early = "the token is valid from Sun, 09 Sep 2001 02:46:40 GMT on";
    for (at_source, status, claims, said) in [
        (false, 401, r#"{"nbf":1000003600}"#, early),
        (false, 403, r#"{"iat":1000003600,"exp":1000007200}"#, early),
        (true, 403, r#"{"nbf":1000003600}"#, early),
        (true, 401, r#"{"iat":999999000,"exp":999999900}"#, late),
        (false, 401, r#"{"exp":999999900}"#, late),
        (false, 403, r#"{"exp":999999900}"#, late),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        let wary = if at_source { &ends.source } else { &ends.destination };
        let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        let answer = format!(r#"{{"token":"e30.{encoded}.c2ln"}}"#);
        wary.rule(Rule::on("GET", "/token").answers(Answer::status(200).body(answer)));
        let realm = format!("Bearer realm=\"http://{}/token\"", wary.address());
        wary.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
            let status = if seen.authorization().is_some() { status } else { 401 };
            let refused = Answer::error(status, "DENIED").header("www-authenticate", &realm);
            Some(refused.header("date", date))
        }));
        let run = ends.mirror().run().exits(1);
        run.complains(said)
            .complains(&format!("its clock shows {date}"))
            .complains("hint: set the clocks");
    }
}
