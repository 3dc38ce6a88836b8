//! A wrong password is sent only once, because retries lock accounts.

use longshore_content::Image;

use super::{Ends, assert_silent, auth_file, wants_password, wants_tokens, with_password};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const MANY: [&str; 6] = ["team/a:1", "team/b:1", "team/c:1", "team/d:1", "team/e:1", "team/f:1"];

#[test]
fn a_token_service_sees_a_wrong_password_once() {
    for at_source in [true, false] {
        let ends = Ends::with(&MANY);
        let wary = if at_source { &ends.source } else { &ends.destination };
        wary.rule(Rule::on("*", "/token").answers(Answer::error(401, "UNAUTHORIZED")));
        wants_tokens(wary, true);
        let known = auth_file(&[wary.address()]);
        let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(1);
        assert_silent(&run);
        run.complains("refused earlier").complains(", check the credential for ");
        assert_eq!(with_password(wary), 1);
    }
}

#[test]
fn a_registry_sees_a_wrong_password_once() {
    for at_source in [true, false] {
        let ends = Ends::with(&MANY);
        let wary = if at_source { &ends.source } else { &ends.destination };
        wants_password(wary, "another one");
        let known = auth_file(&[wary.address()]);
        let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(1);
        assert_silent(&run);
        run.complains("refused earlier").complains(", check the credential for ");
        assert_eq!(with_password(wary), 1);
    }
}

#[test]
fn a_password_without_a_permission_is_not_a_wrong_password() {
    let ends = Ends::with(&["team/a:1", "team/b:1"]);
    // Harbor answers this way if the user may not push to a project.
    let denied = Answer::error(401, "UNAUTHORIZED").header("www-authenticate", "Basic realm=\"x\"");
    ends.destination.rule(Rule::on("POST", "/v2/team/a/*").answers(denied));
    wants_password(&ends.destination, super::PASSWORD);
    let known = auth_file(&[ends.destination.address()]);
    let run = ends.mirror().args(["-j", "1"]).file("../home/.docker/config.json", known).run();
    run.exits(1).complains("team/a");
    ends.behind_destination.assert_complete("team/b", "1");
}

#[test]
fn without_a_credential_each_registry_is_asked_once() {
    let ends = Ends::with(&["team/a:1"]);
    wants_password(&ends.source, "x");
    ends.mirror().run().exits(1).complains("unauthorized (401)").complains("longshore login");
    assert_eq!(ends.source.count("GET", "*/manifests/*"), 1);
}

#[test]
fn a_registry_that_is_full_or_read_only_is_not_blamed_on_the_login() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 1000).build());
    let full = "adding 1.0 MiB of storage resource, which when updated to current usage of 9.0 MiB will \
                exceed the configured upper limit of 10.0 MiB.";
    for (status, pattern, message, advice) in [
        (403, "*/manifests/*", full, "ask its operator for more room"),
        (403, "*/blobs/uploads/*", "Quota of team exceeded", "ask its operator for more room"),
        (403, "*/manifests/*", "The system is in read only mode.", "has made it read-only"),
        (405, "*/manifests/*", "The registry is read-only", "has made it read-only"),
    ] {
        let proxy = FaultProxy::before(&destination);
        let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{message}"}}]}}"#);
        for method in ["PUT", "POST", "PATCH"] {
            let refusal = Answer::status(status).header("content-type", "application/json");
            proxy.rule(Rule::on(method, pattern).answers(refusal.body(body.clone())));
        }
        let run = Longshore::new().mirror().list("team/app team/app 1\n").source(source.address());
        let run = run.destination(proxy.address()).run().exits(1).complains(message);
        let run = run.complains("hint: ").complains(advice);
        assert!(!run.stderr.contains("log in with"), "{}", run.stderr);
    }
}

/// A credential is shown only to a registry that asks for it, so another one would not help.
#[test]
fn a_refusal_that_asks_for_no_login_is_not_blamed_on_the_login() {
    let bodies = [
        Answer::error(401, "UNAUTHORIZED"),
        Answer::status(401),
        Answer::status(401).body("<p>no"),
    ];
    for (at_source, body) in [true, false, true].into_iter().zip(bodies) {
        let ends = Ends::with(&["team/a:1"]);
        let mute = if at_source { &ends.source } else { &ends.destination };
        mute.rule(Rule::on("*", "/v2/*").answers(body));
        let name = mute.address().to_owned();
        for known in [auth_file(&[&name]), "{}".to_owned()] {
            let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(1);
            let run = run.complains("unauthorized (401)").complains("without WWW-Authenticate");
            let run = run.complains(&format!("no credential was shown: the 401 of {name}"));
            assert!(!run.stderr.contains("no credential was found"), "{}", run.stderr);
        }
        assert_eq!(with_password(mute), 0, "it did not ask");
        let home = auth_file(&[&name]);
        let who =
            Longshore::new().args(["whoami", &name]).file("../home/.docker/config.json", home);
        who.run().exits(1).complains("no credential was shown");
        let login = ["login", "--username", "jo", "--password-stdin", &name];
        let login = Longshore::new().args(login).stdin("hunter2-hunter2\n").run().exits(1);
        login.complains("no credential was shown");
        assert_eq!(with_password(mute), 0, "it did not ask");
    }
}

/// As a web firewall answers, or a registry that lets certain addresses in.
#[test]
fn a_403_that_asks_for_no_login_is_not_blamed_on_the_login_either() {
    for (at_source, pattern) in [(true, "/v2/*"), (false, "/v2/*"), (false, "*/blobs/uploads/*")] {
        let ends = Ends::with(&["team/a:1"]);
        let mute = if at_source { &ends.source } else { &ends.destination };
        mute.rule(Rule::on("*", pattern).answers(Answer::status(403).body("<p>blocked")));
        let name = mute.address().to_owned();
        let unasked = format!("no credential was shown, because {name} has not asked for one");
        for known in [auth_file(&[&name]), "{}".to_owned()] {
            let run = ends.mirror().file("../home/.docker/config.json", known).run().exits(1);
            run.complains("denied (403)").complains(&unasked);
        }
        if pattern == "/v2/*" {
            Longshore::new().args(["whoami", &name]).run().exits(1).complains(&unasked);
            Longshore::new()
                .args(["tags", &format!("{name}/a")])
                .run()
                .exits(1)
                .complains(&unasked);
            let login = ["login", "--username", "jo", "--password-stdin", &name];
            let login = Longshore::new().args(login).stdin("hunter2-hunter2\n").run().exits(1);
            login.complains(&unasked);
        }
        assert_eq!(with_password(mute), 0, "it did not ask");
    }
}
