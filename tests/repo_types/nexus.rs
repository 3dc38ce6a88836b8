//! `--repo-type nexus`, against a server that behaves as the documentation of Nexus Repository says.

use longshore_content::Image;

use super::{Places, assert_silent};
use crate::support::products::nexus::Nexus;
use crate::support::products::{PASSWORD, USER};
use crate::support::{FaultProxy, Longshore};

fn run(places: &Places, repository: &str, keys: &[&str]) -> Longshore {
    let flags = keys.iter().flat_map(|key| ["--plugin-config".to_owned(), format!("nexus.{key}")]);
    places.mirror_as_user(repository, "nexus").args(flags)
}

#[test]
fn a_missing_repository_is_created_and_pushed() {
    let places = Places::new();
    let nexus = Nexus::on(&places.destination, &places.destination, None);
    let dry = run(&places, "hub/team/app", &["routing=path"]).arg("--dry-run").run().exits(0);
    dry.complains("repository hub on ").complains("would be created");
    assert!(nexus.repository("hub").is_none(), "a dry run created it");
    let done = run(&places, "hub/team/app", &["routing=path"]).run().exits(0);
    assert_silent(&done.complains("was created"), PASSWORD);
    places.behind.assert_complete("hub/team/app", "1");
    run(&places, "hub/other", &["routing=path"]).run().exits(0);
    assert_eq!(places.destination.count("POST", "/service/*"), 1, "it was created again");
}

#[test]
fn immutable_tags_cannot_be_pushed_again() {
    let places = Places::new();
    let nexus = Nexus::on(&places.destination, &places.destination, None);
    let keys = ["routing=path", "immutable-tags=true"];
    run(&places, "hub/app", &keys).run().exits(0);
    let created = nexus.repository("hub").expect("it is created");
    assert_eq!(created["storage"]["writePolicy"], "allow_once");
    run(&places, "hub/app", &keys).run().exits(0);
    places.source.push("team/app", "1", &Image::new("linux/amd64").layer(2, 1000).build());
    run(&places, "hub/app", &keys).run().exits(1).complains("the destination's tag is immutable");
}

#[test]
fn a_connector_and_the_api_have_their_own_ports() {
    let places = Places::new();
    let api = FaultProxy::without_upstream();
    let nexus = Nexus::on(&api, &places.destination, Some("hub"));
    let address = format!("api=http://{}", api.address());
    let keys = ["repository=hub", "http-port=8082", "anonymous-pull=true", &address];
    // The login for the connector is not sent to another port.
    let refused = run(&places, "team/app", &keys).run().exits(1);
    refused.complains("the registry's credential is not sent there");
    assert!(api.requests().is_empty());
    let settings = format!(
        "[plugins.nexus.endpoints.api]\nusername = '{USER}'\npassword-env = 'NEXUS_PASSWORD'\n"
    );
    let done = run(&places, "team/app", &keys)
        .args(["--settings", "s.toml"])
        .file("s.toml", settings)
        .env("NEXUS_PASSWORD", PASSWORD)
        .run()
        .exits(0);
    let done = done
        .complains("repository hub on ")
        .complains("was created: anonymous pulls need the Docker Bearer Token Realm");
    assert!(done.stdout.contains("\nnot as configured: repository hub on "), "{}", done.stdout);
    places.behind.assert_complete("team/app", "1");
    let docker = nexus.repository("hub").expect("it is created")["docker"].clone();
    assert_eq!((&docker["httpPort"], &docker["forceBasicAuth"]), (&8082.into(), &false.into()));
}

#[test]
fn nothing_is_created_if_the_routing_is_not_named() {
    let places = Places::new();
    let nexus = Nexus::on(&places.destination, &places.destination, None);
    for repo_type in ["nexus", "auto"] {
        let run = places.mirror_as_user("hub/app", repo_type).run().exits(1);
        run.complains("nexus.routing=path creates it");
    }
    assert!(nexus.repository("hub").is_none());
}

#[test]
fn what_takes_no_images_is_named() {
    for (configuration, part) in [
        (serde_json::json!({"format": "docker", "type": "proxy"}), "hub is a proxy, which caches"),
        (serde_json::json!({"format": "npm", "type": "hosted"}), "repository of the format npm"),
    ] {
        let places = Places::new();
        let nexus = Nexus::on(&places.destination, &places.destination, None);
        let _nexus = nexus.with("hub", configuration);
        run(&places, "hub/app", &["routing=path"]).run().exits(1).complains(part);
    }
}

#[test]
fn a_wrong_password_is_named_and_sent_once_to_the_api() {
    let places = Places::new();
    Nexus::on(&places.destination, &places.destination, None);
    let wrong = run(&places, "hub/app", &["routing=path"]).env("DOCKER_PASSWORD", "wr0ng-passw0rd");
    let run = wrong.run().exits(1).complains("Nexus answered 401");
    assert_silent(&run, "wr0ng-passw0rd");
    assert_eq!(places.destination.count("*", "/service/*"), 1);
}
