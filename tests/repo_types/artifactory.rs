//! `--repo-type artifactory`, against a server that behaves as Artifactory's API reference says.

use super::{Places, assert_silent};
use crate::support::products::PASSWORD;
use crate::support::products::artifactory::Artifactory;
use crate::support::{Answer, Longshore, Rule};

fn run(places: &Places, repository: &str, keys: &[&str]) -> Longshore {
    let flags = keys
        .iter()
        .flat_map(|key| ["--plugin-config".to_owned(), format!("artifactory.{key}")].into_iter());
    places.mirror_as_user(repository, "artifactory").args(flags)
}

#[test]
fn a_missing_repository_is_created_and_pushed() {
    let places = Places::new();
    let artifactory = Artifactory::on(&places.destination, None);
    let by_path = ["routing=path", "max-unique-tags=9"];
    let dry = run(&places, "hub/team/app", &by_path).arg("--dry-run").run().exits(0);
    dry.complains("repository hub on ").complains("would be created");
    assert!(artifactory.repository("hub").is_none(), "a dry run created it");
    let done = run(&places, "hub/team/app", &by_path).run().exits(0).complains("was created");
    assert_silent(&done, PASSWORD);
    places.behind.assert_complete("hub/team/app", "1");
    let created = artifactory.repository("hub").expect("it is created");
    assert_eq!((&created["rclass"], &created["packageType"]), (&"local".into(), &"docker".into()));
    assert_eq!(created["maxUniqueTags"], 9);
    run(&places, "hub/other", &by_path).run().exits(0);
    assert_eq!(places.destination.count("PUT", "/artifactory/*"), 1, "it was created again");
}

#[test]
fn a_port_leads_to_one_repository() {
    let places = Places::new();
    let artifactory = Artifactory::on(&places.destination, Some("hub"));
    let keys = ["repository=hub", "package-type=oci", "project-key=p1"];
    let done = run(&places, "team/app", &keys).run().exits(0);
    done.complains("repository hub on ").complains("was created");
    places.behind.assert_complete("team/app", "1");
    let created = artifactory.repository("hub").expect("it is created");
    assert_eq!((&created["packageType"], &created["projectKey"]), (&"oci".into(), &"p1".into()));
}

#[test]
fn nothing_is_created_if_the_routing_is_not_named() {
    let places = Places::new();
    let artifactory = Artifactory::on(&places.destination, None);
    for repo_type in ["artifactory", "auto"] {
        let run = places.mirror_as_user("hub/team/app", repo_type).run().exits(1);
        run.complains("artifactory.routing=path creates it");
    }
    assert!(artifactory.repository("hub").is_none());
    // A repository that exists needs no key.
    let local = serde_json::json!({"rclass": "local", "packageType": "docker"});
    let _artifactory = artifactory.with("hub", local);
    run(&places, "hub/team/app", &[]).run().exits(0);
    places.behind.assert_complete("hub/team/app", "1");
}

#[test]
fn a_cache_is_named() {
    let places = Places::new();
    let remote = serde_json::json!({"rclass": "remote", "packageType": "docker"});
    let _artifactory = Artifactory::on(&places.destination, None).with("cache", remote);
    let run = run(&places, "cache/app", &["routing=path"]).run().exits(1);
    run.complains("cache is a remote repository, which caches another registry");
}

#[test]
fn an_edition_without_the_api_is_named() {
    let places = Places::new();
    let message = "This REST API is available only in Artifactory Pro (see: jfrog.com).";
    let body = serde_json::json!({"errors": [{"status": 400, "message": message}]});
    let answer = Answer::status(400).body(body.to_string());
    places.destination.rule(Rule::on("*", "/artifactory/api/repositories/*").answers(answer));
    let run = run(&places, "hub/app", &["routing=path"]).run().exits(0);
    run.complains("this edition of Artifactory has no API for repositories");
}

#[test]
fn a_wrong_password_is_named_and_sent_once_to_the_api() {
    let places = Places::new();
    Artifactory::on(&places.destination, None);
    let wrong = run(&places, "hub/app", &["routing=path"]).env("DOCKER_PASSWORD", "wr0ng-passw0rd");
    let run =
        wrong.run().exits(1).complains("Artifactory answered 401").complains("Bad Credentials");
    assert_silent(&run, "wr0ng-passw0rd");
    assert_eq!(places.destination.count("*", "/artifactory/api/repositories/*"), 1);
}
