//! Where credentials come from, and which registries they are for.

use std::os::unix::fs::PermissionsExt as _;

use longshore_content::Image;

use super::{
    Ends, PASSWORD, TOKEN, USER, assert_silent, auth_file, pair, wants_password, wants_tokens,
    with_password,
};
use crate::support::{Longshore, Registry};

#[test]
fn a_password_opens_the_embedded_registry_and_docker_registry() {
    let hash = bcrypt::hash(PASSWORD, 4).expect("bcrypt takes any password");
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0", "--htpasswd", "htpasswd"];
    let guarded = Longshore::new().file("htpasswd", format!("{USER}:{hash}\n")).args(serve);
    let source = Registry::embedded_by(guarded);
    let Some(destination) = Registry::docker().htpasswd(USER, PASSWORD).start() else { return };
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    let endpoint = source.endpoint().clone().with_basic(USER, PASSWORD);
    endpoint.push("team/app", "1", &image).expect("the password is right");

    let mirror = || {
        Longshore::new()
            .mirror()
            .arg("--debug")
            .list("team/app team/app 1\n")
            .source(source.address())
            .destination(destination.address())
    };
    mirror().run().exits(1).complains("unauthorized (401)");
    let known = auth_file(&[source.address(), destination.address()]);
    let run = mirror().file("../home/.docker/config.json", known).run().exits(0);
    destination.assert_complete("team/app", "1");
    assert_silent(&run);
}

#[test]
fn a_path_in_auth_json_is_for_the_repositories_below_it() {
    let ends = Ends::with(&["team/one:1", "other/two:1"]);
    wants_password(&ends.source, PASSWORD);
    let known = auth_file(&[&format!("{}/team", ends.source.address())]);
    let run = ends.mirror().file("../run/containers/auth.json", known).run().exits(1);
    ends.behind_destination.assert_complete("team/one", "1");
    for seen in ends.source.requests() {
        let shown = seen.authorization().is_some();
        assert!(!shown || seen.path.starts_with("/v2/team/"), "{} got it", seen.path);
    }
    assert_silent(&run);
}

/// Adds a credential helper named `mine` that records its calls.
fn with_helper(run: Longshore, address: &str, answer: &str) -> Longshore {
    let script =
        format!("#!/bin/sh\ncat >/dev/null\necho run >> \"$HOME/helped\"\necho '{answer}'\n");
    let config = format!(r#"{{"credHelpers":{{"{address}":"mine"}}}}"#);
    let run = run
        .file("../home/.docker/config.json", config)
        .file("../home/bin/docker-credential-mine", script);
    let folder = run.directory().join("../home/bin");
    let program = folder.join("docker-credential-mine");
    let folder = folder.canonicalize().expect("the folder is there");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
        .expect("the script can be made a program");
    let path = std::env::var("PATH").expect("there is a PATH");
    run.env("PATH", format!("{}:{path}", folder.display()))
}

#[test]
fn a_credential_helper_is_asked_once() {
    let ends = Ends::with(&["team/one:1", "team/two:1", "team/three:1"]);
    wants_tokens(&ends.source, true);
    let answer = format!(r#"{{"Username":"{USER}","Secret":"{PASSWORD}"}}"#);
    let run = with_helper(ends.mirror(), ends.source.address(), &answer).run().exits(0);
    ends.behind_destination.assert_complete("team/three", "1");
    assert_eq!(run.file("../home/helped").as_deref(), Some("run\n"), "it ran once");
    assert_silent(&run);
}

#[test]
fn an_identity_token_is_traded_for_tokens() {
    let direct = |ends: &Ends| {
        let address = ends.source.address();
        let known =
            format!(r#"{{"auths":{{"{address}":{{"auth":"","identitytoken":"{PASSWORD}"}}}}}}"#);
        ends.mirror().file("../home/.docker/config.json", known)
    };
    let helped = |ends: &Ends| {
        let answer = format!(r#"{{"Username":"<token>","Secret":"{PASSWORD}"}}"#);
        with_helper(ends.mirror(), ends.source.address(), &answer)
    };
    let ways: [&dyn Fn(&Ends) -> Longshore; 2] = [&direct, &helped];
    for way in ways {
        let ends = Ends::with(&["team/app:1"]);
        wants_tokens(&ends.source, true);
        let run = way(&ends).run().exits(0);
        let asked = ends.source.matching("POST", "/token");
        assert_eq!(asked.len(), 1, "one scope set");
        assert_eq!(asked[0].fields("grant_type"), ["refresh_token"]);
        assert_eq!(asked[0].fields("refresh_token"), [PASSWORD]);
        assert_eq!(asked[0].fields("service"), ["reg"]);
        assert_eq!(asked[0].fields("scope"), ["repository:team/app:pull"]);
        assert_eq!(ends.source.count("GET", "/token"), 0);
        assert_silent(&run);
    }
}

#[test]
fn the_environment_is_for_the_destination_only() {
    let ends = Ends::with(&["team/app:1"]);
    wants_tokens(&ends.source, false);
    wants_password(&ends.destination, PASSWORD);
    let run = ends.mirror().env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD);
    let run = run.run().exits(0);
    ends.behind_destination.assert_complete("team/app", "1");
    assert!(with_password(&ends.destination) > 0);
    assert_eq!(with_password(&ends.source), 0, "the source saw the destination's password");
    let tokens = ends.source.requests();
    assert!(tokens.iter().any(|seen| seen.authorization().is_some_and(|it| it.contains(TOKEN))));
    assert_silent(&run);
}

#[test]
fn the_environment_goes_before_files() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.destination, PASSWORD);
    let wrong = auth_file(&[ends.destination.address()]).replace(&pair(), "am86d3Jvbmc=");
    let run = ends.mirror().file("../home/.docker/config.json", wrong);
    run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run().exits(0);
}

#[test]
fn an_incomplete_credential_is_rejected() {
    let ends = Ends::with(&["team/app:1"]);
    let run = ends.mirror().env("DOCKER_PASSWORD", PASSWORD).run().exits(2);
    assert_silent(&run);
    run.complains("DOCKER_USERNAME");
    assert_eq!(ends.source.requests().len(), 0, "nothing was started");
}
