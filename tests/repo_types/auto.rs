//! `--repo-type auto`: each registry is asked what it is, and nothing is created on a guess.

use super::Places;
use crate::support::harbor::{Behaviour, Harbor, PASSWORD, USER};
use crate::support::products::artifactory::Artifactory;
use crate::support::products::gitea::Gitea;
use crate::support::products::nexus::Nexus;
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
fn the_products_in_front_of_registries_are_recognised() {
    for (name, sign, keys) in [
        ("gitea", "its token service is Gitea's (/v2/token)", "gitea.visibility=public"),
        ("artifactory", "its token service is Artifactory's", "artifactory.routing=path"),
        ("nexus", "it asks for the password of a Nexus", "nexus.routing=path"),
    ] {
        let places = Places::new();
        let proxy = &places.destination;
        let is_created: Box<dyn Fn() -> bool> = match name {
            "gitea" => {
                let gitea = Gitea::on(proxy, &[]);
                Box::new(move || !gitea.organizations().is_empty())
            }
            "artifactory" => {
                let artifactory = Artifactory::on(proxy, None);
                Box::new(move || artifactory.repository("team").is_some())
            }
            _ => {
                let nexus = Nexus::on(proxy, proxy, None);
                Box::new(move || nexus.repository("team").is_some())
            }
        };
        let run = places.mirror_as_user("team/app", "auto");
        let run = run.args(["--plugin-config", keys]).run().exits(0);
        run.complains(&format!("has the repository type {name}: {sign}")).complains("was created");
        assert!(is_created(), "{name}");
        let first = &proxy.requests()[0];
        let asked = (first.path.as_str(), first.authorization());
        assert_eq!(asked, ("/v2/", None), "the question has no password");
    }
}

#[test]
fn half_a_sign_creates_nothing() {
    for (realm, service) in [
        ("http://127.0.0.1:9/service/token", "other"),
        ("http://127.0.0.1:9/v2/auth", "quay.test"),
        ("http://127.0.0.1:9/token", "container_registry"),
        ("http://127.0.0.1:9/api/docker/null/v2/token", "artifactory.test"),
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
