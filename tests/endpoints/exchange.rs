//! Exchanges: the host fetches the registry's credential, and the component never sees it.

use super::{OWN, PASSWORD, Places, USER, assert_silent, basic};
use crate::support::{Answer, FaultProxy, Longshore, Rule};

const GRANT: [&str; 4] = ["--grant", "POST endpoint /login", "--grant", "POST endpoint /wait/*"];

/// Makes the destination require the password.
pub(super) fn wants_password(destination: &FaultProxy) {
    let right = basic(PASSWORD);
    destination.rule(Rule::on("*", "/v2/*").answers_by(move |seen| {
        let refused =
            || Answer::error(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"r\"");
        (seen.authorization() != Some(&right)).then(refused)
    }));
}

/// Prepares a run whose component declares an exchange at the API.
fn run(places: &Places) -> Longshore {
    let metadata = serde_json::json!({
        "endpoints": [{"name": "endpoint", "origin": "registry", "auth": "bearer"}],
        "exchange": {
            "endpoint": "endpoint", "method": "POST", "path": "/login", "body": "{}",
            "headers": {"content-type": "application/json"},
            "pointer": "/login/token", "encoding": "basic", "expires-in": "/login/seconds",
        },
    });
    let settings = places.at_api(&format!("token = '{OWN}'"));
    places.run(&metadata, &settings)
}

fn logs_in(places: &Places, seconds: u64) {
    let body = format!(r#"{{"login":{{"token":"{USER}:{PASSWORD}","seconds":{seconds}}}}}"#);
    places.api.rule(Rule::on("POST", "/login").answers(Answer::status(200).body(body)));
}

#[test]
fn an_exchanged_credential_pushes_and_is_fetched_once() {
    let places = Places::new();
    wants_password(&places.destination);
    logs_in(&places, 3600);
    let dry = run(&places).args(GRANT).arg("--dry-run").run().exits(0);
    assert!(dry.stdout.contains("would be copied"), "{}", dry.stdout);
    assert_eq!(places.api.count("POST", "/login"), 1, "a login changes nothing");
    let run = run(&places).args(GRANT).run().exits(0);
    places.behind.assert_complete("team/app", "1");
    assert_eq!(places.api.count("POST", "/login"), 2, "it was fetched again");
    let login = &places.api.matching("POST", "/login")[0];
    assert_eq!(login.authorization(), Some(format!("Bearer {OWN}").as_str()));
    assert_eq!(
        (login.header("content-type"), &*login.body),
        (Some("application/json"), &b"{}"[..])
    );
    assert_silent(&run);
}

#[test]
fn a_credential_that_has_ended_is_renewed() {
    let places = Places::new();
    wants_password(&places.destination);
    logs_in(&places, 0);
    run(&places).args(GRANT).run().exits(0);
    places.behind.assert_complete("team/app", "1");
    assert!(places.api.count("POST", "/login") > 1, "an ended credential was kept");
}

#[test]
fn a_failed_exchange_fails_the_entries_once() {
    for (answer, why) in [
        (Answer::status(403).body(format!(r#"{{"message":"no {OWN}"}}"#)), "answered 403 (no ***)"),
        (Answer::status(400), "answered 400"),
        (Answer::status(200).body(format!(r#"{{"login":"{OWN}"}}"#)), "no text at `/login/token`"),
        (Answer::status(200).body(OWN), "the answer is not JSON"),
        (Answer::redirect("http://127.0.0.1:9/"), "answered 307"),
    ] {
        let places = Places::new();
        wants_password(&places.destination);
        places.api.rule(Rule::on("POST", "/login").answers(answer));
        let run = run(&places).args(GRANT).run().exits(1);
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        assert!(failed.contains(why), "no `{why}`:\n{failed}\n{}", run.stderr);
        assert!(failed.contains("fetch the registry's credential with plugin `mine`"), "{failed}");
        assert_eq!(places.api.count("POST", "/login"), 1);
        assert_silent(&run);
    }
}

#[test]
fn an_exchange_that_may_succeed_later_is_repeated() {
    for status in [408, 429, 500, 503] {
        let places = Places::new();
        wants_password(&places.destination);
        let busy = Answer::status(status).header("retry-after", "0");
        places.api.rule(Rule::on("POST", "/login").first(2).answers(busy.clone()));
        logs_in(&places, 3600);
        run(&places).args(GRANT).run().exits(0);
        assert_eq!(places.api.count("POST", "/login"), 3, "{status}");

        places.api.first_rule(Rule::on("POST", "/login").answers(busy));
        let run = run(&places).args(GRANT).arg("--force-recursive").run().exits(1);
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        assert!(failed.contains(&format!("answered {status}")), "{failed}");
        assert_eq!(places.api.count("POST", "/login"), 6, "{status}");
    }
}

#[test]
fn an_exchange_needs_a_grant() {
    let places = Places::new();
    wants_password(&places.destination);
    logs_in(&places, 3600);
    let run = run(&places).args(["--grant", "POST endpoint /wait/*"]).run().exits(1);
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("no grant covers `POST endpoint /login`"), "{failed}");
    assert_eq!(places.api.count("POST", "/login"), 0);
}

#[test]
fn without_a_credential_for_the_exchange_the_user_s_own_is_used() {
    let places = Places::new();
    wants_password(&places.destination);
    let metadata = serde_json::json!({
        "endpoints": [{"name": "endpoint", "origin": "registry", "auth": "bearer"}],
        "exchange": {
            "endpoint": "endpoint", "method": "POST", "path": "/login", "pointer": "/token",
            "encoding": "basic",
        },
    });
    let run = places.run(&metadata, "").args(GRANT);
    run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run().exits(0);
    places.behind.assert_complete("team/app", "1");
}
