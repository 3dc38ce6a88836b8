//! `--repo-type auto`: each registry is asked what it is, and nothing is created on a guess.

use super::Places;
use crate::support::harbor::{Behaviour, Harbor, PASSWORD, USER};
use crate::support::{Answer, Longshore, Rule};

fn challenge(realm: &str, service: &str) -> Answer {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"{service}\"");
    Answer::status(401).header("www-authenticate", &challenge)
}

#[test]
fn a_harbor_is_recognised_and_prepared() {
    let places = Places::new();
    let harbor = Harbor::start(places.behind.address(), Behaviour::default());
    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1\n")
        .source(places.source.address())
        .destination(harbor.address())
        .args(["--repo-type", "auto", "--harbor-https=false"])
        .env("DOCKER_USERNAME", USER)
        .env("DOCKER_PASSWORD", PASSWORD)
        .run()
        .exits(0);
    let run = run.complains("has the repository type harbor: its token service is Harbor's");
    run.complains("project team on ");
    assert_eq!(harbor.created(), [("team".to_owned(), "false".to_owned())]);
    let first = &harbor.asked()[0];
    assert_eq!(
        (first.path.as_str(), first.scheme()),
        ("/v2/", None),
        "the question has no password"
    );
}

#[test]
fn each_registry_gets_its_own_type() {
    let (harbor_places, other) = (Places::new(), Places::new());
    let harbor = Harbor::start(harbor_places.behind.address(), Behaviour::default());
    let list = format!(
        "team/app {}/team/app 1\nteam/app {}/team/app 1\n",
        harbor.address(),
        other.destination.address()
    );
    let login = format!(
        r#"{{"auths":{{"{}":{{"username":"{USER}","password":"{PASSWORD}"}}}}}}"#,
        harbor.address()
    );
    let run = Longshore::new()
        .mirror()
        .list(&list)
        .source(harbor_places.source.address())
        .args(["--repo-type", "auto", "--harbor-https=false"])
        .file("../home/.docker/config.json", login)
        .run()
        .exits(0);
    run.complains("has the repository type harbor")
        .complains("shows no sign of a known repository");
    other.behind.assert_complete("team/app", "1");
    assert_eq!(other.destination.count("*", "/api/*"), 0, "it was asked as a Harbor");
}

#[test]
fn half_a_sign_creates_nothing() {
    for (realm, service) in [
        ("http://127.0.0.1:9/service/token", "other"),
        ("http://127.0.0.1:9/v2/auth", "quay.test"),
        ("http://127.0.0.1:9/v2/token", "container_registry"),
    ] {
        let places = Places::new();
        places.destination.rule(Rule::on("GET", "/v2/").answers(challenge(realm, service)));
        let run = places.mirror("team/app", "auto").run().exits(0);
        run.complains("shows no sign of a known repository type");
        assert_eq!(places.destination.count("*", "/api/*"), 0);
        places.behind.assert_complete("team/app", "1");
    }
}

#[test]
fn what_only_looks_like_a_harbor_is_left_alone() {
    let places = Places::new();
    let answer = challenge("http://127.0.0.1:9/service/token", "harbor-registry");
    places.destination.rule(Rule::on("GET", "/v2/").answers(answer));
    // The destination has no API of Harbor: the ping tells.
    let run = places.mirror("team/app", "auto").arg("--harbor-https=false").run().exits(0);
    run.complains("found no Harbor v2 at ");
    assert_eq!(places.destination.count("POST", "/api/*"), 0);
}

#[test]
fn settings_of_any_type_may_be_given() {
    let places = Places::new();
    let keys = ["--plugin-config", "quay.public=true", "--plugin-config", "harbor.public=true"];
    places.mirror("team/app", "auto").args(keys).run().exits(0);
    let grant = ["--grant", "GET registry /x"];
    places.mirror("team/app", "auto").args(grant).run().exits(2).complains("use --grant");
}
