//! Where credentials come from, and which registries they are for.

use std::os::unix::fs::PermissionsExt as _;

use longshore_content::Image;

use super::{Ends, PASSWORD, USER, assert_silent, auth_file, pair, wants_password, wants_tokens};
use crate::support::{Answer, Longshore, Registry, Rule};

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
fn a_helper_that_is_missing_is_warned_of_once() {
    let ends = Ends::with(&["team/one:1", "team/two:1"]);
    wants_tokens(&ends.source, false);
    let config =
        format!(r#"{{"credHelpers":{{"{}":"lost"}},"credsStore":"lost"}}"#, ends.source.address());
    let run = ends.mirror().file("../home/.docker/config.json", &config).run().exits(0);
    ends.behind_destination.assert_complete("team/two", "1");
    let warnings = run.complaints();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("program docker-credential-lost is not on PATH"), "{warnings:?}");

    let private = Ends::with(&["team/app:1"]);
    wants_password(&private.source, PASSWORD);
    let config = config.replace(ends.source.address(), private.source.address());
    let run = private.mirror().file("../home/.docker/config.json", config).run().exits(1);
    run.complains("docker-credential-lost is not on PATH").complains("unauthorized (401)");
}

#[test]
fn a_helper_that_fails_is_an_error_without_its_words() {
    for words in [PASSWORD.to_owned(), pair(), format!("https://{USER}:{PASSWORD}@r.test")] {
        let ends = Ends::with(&["team/app:1"]);
        wants_password(&ends.source, PASSWORD);
        let answer = format!("'; echo 'cannot log in: {words}' >&2; exit 3; '");
        let run = with_helper(ends.mirror(), ends.source.address(), &answer).run().exits(1);
        assert_silent(&run);
        run.complains("it ended with exit status: 3").complains("get` shows why");
    }
}

#[test]
fn a_registry_that_offers_another_way_to_log_in_is_named() {
    for (challenge, offered) in [
        ("Negotiate", "Negotiate"),
        ("Digest realm=\"r\", nonce=\"n\"", "Digest"),
        ("NTLM", "NTLM"),
    ] {
        let ends = Ends::with(&["team/app:1"]);
        let answer = Answer::status(401).header("www-authenticate", challenge);
        ends.source.rule(Rule::on("*", "/v2/*").answers(answer));
        let known = auth_file(&[ends.source.address()]);
        let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(1);
        assert_silent(&run);
        assert!(!run.stderr.contains("check that the credential is right"), "{}", run.stderr);
        run.complains(&format!("(it offers only {offered})"))
            .complains("hint: no credential was shown: longshore logs in with Basic or Bearer");
        let login = ["login", ends.source.address(), "-u", USER, "--password-stdin"];
        let run = Longshore::new().args(login).stdin(PASSWORD).run().exits(1);
        assert!(!run.stderr.contains("check the user name"), "{}", run.stderr);
        run.complains(&format!("(it offers only {offered})"));
    }
}

#[test]
fn a_challenge_that_names_no_token_service_is_the_operator_s_fault() {
    for challenge in
        ["Bearer", "Bearer realm=\"\"", "Bearer realm=\"/token\"", "Bearer error=\"x\""]
    {
        let ends = Ends::with(&["team/app:1"]);
        let answer = Answer::status(401).header("www-authenticate", challenge);
        ends.source.rule(Rule::on("*", "/v2/*").answers(answer));
        let run = ends.mirror().run().exits(1);
        run.complains("(it offers only Bearer without a valid realm)")
            .complains("hint: ask the operator of the registry: its header WWW-Authenticate");
    }
}
