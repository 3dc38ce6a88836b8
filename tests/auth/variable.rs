//! `LONGSHORE_AUTH_…` and `DOCKER_AUTH_CONFIG`, and what a refusal says about the credential.

use super::{
    Ends, PASSWORD, USER, assert_silent, auth_file, pair, wants_password, wants_tokens,
    with_password,
};
use crate::support::{FaultProxy, Longshore, Registry, Run};

/// Returns the variable of a registry at `127.0.0.1:PORT`.
fn variable(address: &str) -> String {
    format!("LONGSHORE_AUTH_{}", address.replace(['.', ':'], "_"))
}

/// Returns the one hint of a run.
fn hint(run: &Run) -> String {
    let mut hints = run.stderr.lines().filter_map(|line| line.split_once("hint: "));
    let (_, hint) = hints.next().unwrap_or_else(|| panic!("no hint\n{}", run.stderr));
    hint.to_owned()
}

#[test]
fn each_registry_has_a_variable() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.source, PASSWORD);
    wants_tokens(&ends.destination, true);
    let both = [ends.source.address(), ends.destination.address()].map(variable);
    let run =
        both.iter().fold(ends.mirror(), |run, name| run.env(name, format!("{USER}:{PASSWORD}")));
    let run = run.run().exits(0);
    ends.behind_destination.assert_complete("team/app", "1");
    assert!(with_password(&ends.source) > 0 && with_password(&ends.destination) > 0);
    assert_silent(&run);
}

#[test]
fn one_variable_has_the_entries_of_a_file() {
    let ends = Ends::with(&["team/app:1"]);
    wants_password(&ends.source, PASSWORD);
    wants_password(&ends.destination, PASSWORD);
    let auths = auth_file(&[ends.source.address(), ends.destination.address()]);
    let run = ends.mirror().env("DOCKER_AUTH_CONFIG", &auths).run().exits(0);
    ends.behind_destination.assert_complete("team/app", "1");
    assert_silent(&run);
    let whoami = Longshore::new().args(["whoami", ends.source.address()]);
    let who = whoami.env("DOCKER_AUTH_CONFIG", &auths).run().exits(0);
    assert!(who.stdout.contains("of DOCKER_AUTH_CONFIG"), "{}", who.stdout);
    // A file of the user comes after it.
    let wrong = auth_file(&[ends.source.address()]).replace(&pair(), "am86d3Jvbmc=");
    let both = ends.mirror().file("../home/.docker/config.json", wrong);
    both.env("DOCKER_AUTH_CONFIG", &auths).run().exits(0);
}

#[test]
fn a_token_is_sent_as_it_is() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_tokens(&proxy, true);
    let name = variable(proxy.address());
    let target = format!("{}/team/app", proxy.address());
    let token = "t0k3n|repository:team/app:pull,push";
    let run = Longshore::new().args(["inspect", &format!("{target}:1")]).env(&name, token);
    // The colon of this token makes it a user name and a password.
    run.run().exits(1).complains("token service");
    let run = Longshore::new().args(["inspect", &format!("{target}:1")]).env(&name, "s3cret-t0ken");
    let run = run.run().exits(1);
    let shown: Vec<String> = proxy
        .requests()
        .iter()
        .filter_map(|seen| seen.authorization().map(str::to_owned))
        .collect();
    assert!(shown.iter().any(|header| header == "Bearer s3cret-t0ken"), "{shown:?}");
    assert!(!run.stderr.contains("s3cret-t0ken"), "{}", run.stderr);
    assert!(hint(&run).contains(&format!("the credential of the variable {name}")));
}

#[test]
fn whoami_names_the_variable() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_password(&proxy, PASSWORD);
    let (address, name) = (proxy.address(), variable(proxy.address()));
    let whoami = || Longshore::new().args(["whoami", address]);
    let who = whoami().env(&name, format!("{USER}:{PASSWORD}\n")).run().exits(0);
    assert!(who.stdout.starts_with(&format!("{address}: user {USER}, from the variable {name}\n")));
    let none = whoami().run().exits(0);
    assert!(none.stdout.contains(&format!("longshore login {address} or {name} gives one")));
}

#[test]
fn a_wrong_variable_ends_the_run_before_it_starts() {
    let ends = Ends::with(&["team/app:1"]);
    let name = variable(ends.source.address());
    for (variable, value, why) in [
        (&*name, "jo:", "there is no password behind the colon"),
        (&name, "jo:pa55\nword", "a line break"),
        ("DOCKER_AUTH_CONFIG", "{\"auths\": pa55", "DOCKER_AUTH_CONFIG: invalid JSON"),
        ("DOCKER_AUTH_CONFIG", "{\"auths\": 7}", "a value of the wrong type"),
    ] {
        let run = ends.mirror().env(variable, value).run().exits(2);
        assert!(!run.stderr.contains("pa55"), "{}", run.stderr);
        run.complains(why);
    }
    assert_eq!(ends.source.requests().len(), 0, "nothing was started");
}

#[test]
fn a_refusal_names_the_side_and_the_credential_that_was_tried() {
    for at_source in [true, false] {
        let ends = Ends::with(&["team/app:1"]);
        let (side, proxy) = match at_source {
            true => ("source", &ends.source),
            false => ("destination", &ends.destination),
        };
        wants_password(proxy, PASSWORD);
        let (address, name) = (proxy.address(), variable(proxy.address()));
        let none = ends.mirror().run().exits(1);
        assert_eq!(
            hint(&none),
            format!(
                "at the {side}, no credential was found for {address}; log in with longshore login \
                 {address}, or set {name}"
            )
        );
        let wrong = ends.mirror().env(&name, "jo:wr0ng-wr0ng").run().exits(1);
        let said = hint(&wrong);
        assert!(said.starts_with(&format!("at the {side}, ")), "{said}");
        assert!(said.contains(&format!("the variable {name}")), "{said}");
        assert!(!wrong.stderr.contains("wr0ng-wr0ng"), "{}", wrong.stderr);
        let file = auth_file(&[address]).replace(&pair(), "am86d3Jvbmctd3Jvbmc=");
        let stored = ends.mirror().file("../home/.docker/config.json", file).run().exits(1);
        let said = hint(&stored);
        assert!(said.contains("config.json") && said.contains("longshore login"), "{said}");
        assert!(!said.contains("DOCKER_USERNAME"), "that is for the destination: {said}");
    }
}
