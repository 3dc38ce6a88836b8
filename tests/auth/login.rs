//! `login`, `logout` and `whoami`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use longshore_content::Image;

use super::{PASSWORD, USER, wants_password, wants_tokens};
use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule, Run, Skopeo};

/// The file of the credentials, from the working directory.
const FILE: &str = "../home/.docker/config.json";

fn login(registry: &str, password: &str) -> Longshore {
    let arguments = ["login", registry, "-u", USER, "--password-stdin"];
    Longshore::new().args(arguments).stdin(&format!("{password}\n"))
}

fn whoami(run: &Run, account: &str) -> Run {
    run.again().args(["whoami", account]).run()
}

#[test]
fn a_login_is_checked_stored_and_used() {
    let Some(registry) = Registry::docker().htpasswd(USER, PASSWORD).start() else { return };
    let address = registry.address();
    let run = login(address, PASSWORD).run().exits(0);
    assert!(
        run.stdout.starts_with(&format!("logged in to {address} as {USER}; ")),
        "{}",
        run.stdout
    );
    let path = run.directory().join(FILE);
    let mode = std::fs::metadata(&path).expect("the file is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let source = Registry::embedded();
    source.push("app", "1", &Image::new("linux/amd64").layer(1, 10).build());
    let list = "app team/app 1\n";
    let mirror = run.again().mirror().list(list).source(source.address()).destination(address);
    mirror.run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    let who = whoami(&run, &format!("{address}/team/app")).exits(0);
    for line in [
        format!("{address}: user {USER}, from the entry {address} of "),
        "login: accepted\n".to_owned(),
        format!("pull {address}/team/app: allowed\n"),
        format!("push {address}/team/app: allowed\n"),
    ] {
        assert!(who.stdout.contains(&line), "no {line}: {}", who.stdout);
    }
    assert!(!format!("{}{}", who.stdout, who.stderr).contains(PASSWORD));
    if let Some(skopeo) = Skopeo::find() {
        assert!(skopeo.list_tags(&format!("{address}/team/app"), &path).contains("\"1\""));
    }
    let out = run.again().args(["logout", address]).run().exits(0);
    assert!(out.stdout.starts_with(&format!("logged out of {address}; ")), "{}", out.stdout);
    assert!(out.stdout.ends_with("/config.json\n"), "it is gone: {}", out.stdout);
    assert!(run.stdout.ends_with("/config.json, not encrypted\n"), "{}", run.stdout);
    let again = run.again().args(["logout", address]).run().exits(0);
    again.complains("there is no credential for");
    let who = whoami(&run, address).exits(0);
    assert!(who.stdout.contains("no credential, so anonymous"), "{}", who.stdout);
}

#[test]
fn a_wrong_password_is_not_stored() {
    let Some(registry) = Registry::docker().htpasswd(USER, PASSWORD).start() else { return };
    let run = login(registry.address(), "wrong").run().exits(1);
    let run =
        run.complains("it refused the credential (401)").complains("hint: check the user name");
    assert_eq!(run.file(FILE), None);
    assert!(!run.stderr.contains("wrong"), "{}", run.stderr);
}

#[test]
fn tokens_prove_a_login_too() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_tokens(&proxy, true);
    let run = login(proxy.address(), PASSWORD).run().exits(0);
    let asked = proxy.count("GET", "/token");
    assert_eq!(asked, 1, "one login");
    whoami(&run, proxy.address()).exits(0);
    login(proxy.address(), "wrong").run().exits(1).complains("it refused the credential (401)");
}

#[test]
fn a_credential_that_is_refused_later_is_shown_as_refused() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_password(&proxy, "other");
    let run = Longshore::new().args(["whoami", &format!("{}/team/app", proxy.address())]);
    let run = run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD);
    let run = run.env("DOCKER_REGISTRY", proxy.address()).run().exits(1);
    let from = format!("user {USER}, from DOCKER_USERNAME and DOCKER_PASSWORD");
    assert!(run.stdout.contains(&from), "{}", run.stdout);
    assert!(run.stdout.contains("login: refused: it refused the credential"), "{}", run.stdout);
    let shown = proxy.requests().into_iter().filter(|seen| seen.authorization().is_some()).count();
    assert_eq!(shown, 1, "repeated logins lock accounts");
}

#[test]
fn whoami_sends_the_credential_of_the_environment_to_the_destination_only() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_password(&proxy, PASSWORD);
    let address = proxy.address();
    let whoami = || {
        let run = Longshore::new().args(["whoami", address]);
        run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD)
    };
    let shown = || proxy.requests().iter().filter(|seen| seen.authorization().is_some()).count();
    let other = "r.example:5000";
    let settings = |text: &str| whoami().file("s.toml", text).args(["--settings", "s.toml"]);
    for (run, whose) in [
        (whoami(), "the registry of -d, DOCKER_REGISTRY or `destination` in the settings file"),
        (whoami().env("DOCKER_REGISTRY", other), other),
        (settings(&format!("destination = '{other}'\n")), other),
        (
            settings(&format!("destination = '{address}'\n[mirror]\ndestination = '{other}'\n")),
            other,
        ),
    ] {
        let run = run.run().exits(0);
        assert!(run.stdout.contains("no credential, so anonymous"), "{}", run.stdout);
        let told = format!("DOCKER_USERNAME is set, but only for {whose}; it was not sent\n");
        assert!(run.stdout.contains(&told), "no {told}: {}", run.stdout);
        assert!(run.stdout.contains("login: asked for"), "{}", run.stdout);
        assert_eq!(shown(), 0, "the password went to a registry that is no destination");
    }
    let own = settings(&format!("[mirror]\ndestination = '{address}'\n")).run().exits(0);
    assert!(own.stdout.contains("login: accepted"), "{}", own.stdout);
    assert!(!own.stdout.contains("was not sent"), "{}", own.stdout);
    assert_eq!(shown(), 1);
}

#[test]
fn whoami_tells_what_is_new_from_what_is_refused() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    wants_password(&proxy, PASSWORD);
    let account = format!("{}/team/new", proxy.address());
    let run = Longshore::new().args(["whoami", &account]);
    let run = run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD);
    let run = run.env("DOCKER_REGISTRY", proxy.address()).run().exits(0);
    let told = format!("pull {account}: no such repository yet\npush {account}: allowed\n");
    assert!(run.stdout.contains(&told), "{}", run.stdout);
    assert!(!run.stderr.contains("[ERRO]"), "{}", run.stderr);

    let anonymous = Longshore::new().args(["whoami", &account]).run().exits(1);
    assert!(
        anonymous.stdout.contains(&format!("push {account}: refused\n")),
        "{}",
        anonymous.stdout
    );

    let free = format!("{}/team/new", registry.address());
    let nobody = Longshore::new().args(["whoami", &free]).run().exits(0);
    assert!(
        nobody.stdout.contains(&format!("pull {free}: no such repository, or private\n")),
        "{}",
        nobody.stdout
    );
}

#[test]
fn a_login_that_cannot_be_checked_says_why() {
    let bearer = |realm: &str| {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
        Answer::status(401).header("www-authenticate", &challenge)
    };
    let busy = || Answer::status(503).body(r#"{"errors":[{"code":"UNAVAILABLE"}]}"#);
    for (realm, token, said) in [
        ("http://169.254.1.1/token", busy(), "which is at a link-local address"),
        ("http://127.0.0.1:1/token", busy(), "Connection refused"),
        ("", busy(), "(503)"),
        ("", Answer::status(200).body("{nonsense"), "token service"),
        ("", Answer::status(200).body("<html>"), "a web page"),
    ] {
        let registry = FaultProxy::without_upstream();
        registry.rule(Rule::on("*", "/token*").answers(token));
        let own = format!("http://{}/token", registry.address());
        let realm = if realm.is_empty() { &own } else { realm };
        registry.rule(Rule::on("*", "*").answers(bearer(realm)));
        let run = login(registry.address(), PASSWORD).run().exits(1);
        run.complains("failed to log in to").complains(said);
    }
    let registry = FaultProxy::without_upstream();
    let basic = Answer::status(401).header("www-authenticate", "Basic realm=\"r\"");
    registry.rule(Rule::on("*", "*").answers(basic).first(1));
    registry.rule(Rule::on("*", "*").answers(busy()));
    login(registry.address(), PASSWORD).run().exits(1).complains("(503)");
}

#[test]
fn whoami_of_a_registry_that_does_not_answer_fails() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = free.local_addr().expect("it has an address").to_string();
    drop(free);
    for account in [address.clone(), format!("{address}/team/app")] {
        let run = Longshore::new().args(["whoami", &account]).run().exits(1);
        assert!(!run.stdout.contains("refused"), "{}", run.stdout);
        run.complains(&format!("cannot reach {address}"));
    }
    let name = format!("LONGSHORE_AUTH_{}", address.replace(['.', ':'], "_"));
    let known = Longshore::new().args(["whoami", &address]).env(&name, "me:secret").run().exits(1);
    known.complains(&format!("cannot reach {address}"));
}

#[test]
fn a_registry_without_logins_is_said_to_check_nothing() {
    let registry = Registry::embedded();
    let run = login(registry.address(), PASSWORD).run().exits(0);
    let run = run.complains("does not ask for a login, so the credential was not checked");
    let who = whoami(&run, registry.address()).exits(0);
    assert!(who.stdout.contains("login: not asked for, so not checked"), "{}", who.stdout);
}

#[test]
fn another_credential_that_wins_is_named() {
    let registry = Registry::embedded();
    let key = registry.address();
    let auths = format!(r#"{{"auths":{{"{key}":{{"auth":"bWU6b3RoZXI="}}}}}}"#);
    let login = login(key, PASSWORD).file("../run/containers/auth.json", auths);
    let run = login.run().exits(0).complains("another credential for");
    let out = run.again().args(["logout", key]).run().exits(0);
    out.complains("is left: it is from the entry").complains("containers/auth.json");
}

#[test]
fn a_login_without_a_terminal_says_what_to_give() {
    let without = |arguments: &[&str]| Longshore::new().arg("login").args(arguments).run().exits(2);
    without(&["r.example"]).complains("ask for the user name: there is no terminal");
    without(&["r.example", "-u", "me"]).complains("hint: write it to standard input");
    without(&["r.example", "--password-stdin"]).complains("hint: give it with --username");
    without(&["r.example", "-u", "a:b", "--password-stdin"]).complains("it has a colon");
    without(&["r.example", "-u", "me", "--password-stdin"])
        .complains("use the password: it is empty");
    without(&["r.example/team", "-u", "me"]).complains("it must be a registry without a path");
}

#[test]
fn a_broken_file_is_named_and_kept() {
    let registry = Registry::embedded();
    let run = login(registry.address(), PASSWORD).file(FILE, "{\"auths\": [").run().exits(2);
    let run = run.complains("read authentication file").complains(" at line 1, column ");
    let run = run.complains("hint: correct the file, or move it away: longshore login and docker");
    assert_eq!(run.file(FILE).as_deref(), Some("{\"auths\": ["));
}

#[test]
fn a_helper_that_cannot_be_used_has_a_way_out() {
    let registry = Registry::embedded();
    let address = registry.address();
    let lost = "{\"credsStore\": \"lost\"}";
    let run = login(address, PASSWORD).file(FILE, lost).run().exits(2);
    let run = run.complains("program docker-credential-lost is not on PATH");
    run.complains(
        "hint: install the program, or remove it from the authentication file (credsStore",
    );
    let run = Longshore::new().args(["whoami", address]).file(FILE, lost).run().exits(0);
    run.complains("is not on PATH; install it, or remove it from ").complains("config.json");
    let broken = format!("{{\"credHelpers\": {{\"{address}\": \"a/b\"}}}}");
    let run = Longshore::new().args(["whoami", address]).file(FILE, broken).run().exits(2);
    run.complains("hint: mend the helper, or remove it from the authentication file");
    for (value, hint) in [
        ("{", "hint: correct the value of the variable"),
        (
            "{\"auths\": {\"r.example\": {\"auth\": \"?\"}}}",
            "hint: correct the value of the variable",
        ),
    ] {
        let run = Longshore::new().args(["whoami", "r.example"]).env("DOCKER_AUTH_CONFIG", value);
        run.run().exits(2).complains(hint);
    }
}

/// Nobody writes the pipe, so reading it would last for ever.
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let registry = Registry::embedded();
    let address = registry.address();
    for command in ["login", "logout", "whoami"] {
        for place in ["/dev/zero", "pipe", "/"] {
            let run = match command {
                "login" => login(address, PASSWORD),
                _ => Longshore::new().args([command, address]),
            };
            let run = run.file("../home/.docker/other", "");
            let file = run.directory().join(FILE);
            let target = file.with_file_name("pipe");
            let made = std::process::Command::new("mkfifo").arg(&target).status();
            assert!(made.expect("mkfifo runs").success());
            let target = if place == "pipe" { target.as_path() } else { Path::new(place) };
            std::os::unix::fs::symlink(target, &file).expect("a link");
            let run = run.run().exits(2).complains("read authentication file");
            let run = run.complains("hint: check its rights and that it is a regular file");
            assert!(
                run.stderr.contains("is not a regular file"),
                "{command} {place}: {}",
                run.stderr
            );
        }
    }
}

#[test]
fn whoami_names_the_key_as_the_file_spells_it() {
    let registry = Registry::embedded();
    let address = registry.address();
    let auth = "bWU6c2VjcmV0";
    for (key, account) in [
        (format!("http://{address}/v1/"), address.to_owned()),
        (format!("https://{address}"), address.to_owned()),
        (format!("{address}/team"), format!("{address}/team/app")),
        (address.to_owned(), format!("{address}/team/app")),
    ] {
        let file = format!("{{\"auths\": {{\"{key}\": {{\"auth\": \"{auth}\"}}}}}}");
        let run = Longshore::new().file("auth.json", file).env("REGISTRY_AUTH_FILE", "auth.json");
        let run = run.args(["whoami", &account]).run();
        let expected = format!(": user me, from the entry {key} of auth.json\n");
        assert!(run.stdout.contains(&expected), "no {expected}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_file_that_the_variable_names_must_exist_unless_login_makes_it() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 10).build());
    let named = |run: Longshore| run.env("REGISTRY_AUTH_FILE", "none.json");
    let from = format!("{}/team/app:1", pair.source.address());
    let to = format!("{}/b", pair.destination.address());
    let list = "team/app team/app 1\n";
    for run in [
        pair.mirror(list),
        pair.validate(list),
        Longshore::new().args(["copy", &from, &to]),
        Longshore::new().args(["inspect", &from]),
        Longshore::new().args(["tags", from.trim_end_matches(":1")]),
        Longshore::new().args(["whoami", pair.source.address()]),
    ] {
        let run = named(run).run().exits(2);
        let run = run.complains("none.json of REGISTRY_AUTH_FILE: No such file");
        run.complains("hint: correct the path, or unset the variable");
    }
    pair.assert_absent("team/app", "1");
    let address = pair.source.address();
    let arguments = ["login", address, "-u", USER, "--password-stdin"];
    let run = named(Longshore::new().args(arguments).stdin("x\n")).run().exits(0);
    assert!(run.file("none.json").is_some(), "login makes it");
}
