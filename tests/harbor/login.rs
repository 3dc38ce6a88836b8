//! A wrong password at a Harbor: it is shown as seldom as possible, because Harbor counts each
//! failed login, and a directory behind it locks the account.

use super::{Registries, mirror};
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Longshore, Run};

const WRONG: &str = "not-it";

fn images(count: usize) -> (Vec<String>, String) {
    let names: Vec<String> =
        (0..count).map(|number| format!("p{}/app{number}", number % 3)).collect();
    let list = names.iter().map(|name| format!("{name} {name} 1\n")).collect();
    (names, list)
}

fn registries(count: usize) -> (Registries, String) {
    let (names, list) = images(count);
    (Registries::with(&names.iter().map(String::as_str).collect::<Vec<_>>()), list)
}

fn with_projects(harbor: Harbor) -> Harbor {
    ["p0", "p1", "p2"].iter().fold(harbor, |harbor, name| harbor.with_project(name))
}

/// Prepares a run without a repository type and with a wrong password.
fn plain(registries: &Registries, harbor: &Harbor, list: &str) -> Longshore {
    Longshore::new()
        .mirror()
        .list(list)
        .source(registries.source.address())
        .destination(harbor.address())
        .env("DOCKER_USERNAME", crate::support::harbor::USER)
        .env("DOCKER_PASSWORD", WRONG)
}

#[track_caller]
fn refused(run: Run, count: usize) {
    let run = run.exits(1).sums_up(&format!("0 copied, 0 skipped, {count} failed"));
    run.complains("refused earlier").complains(", check the credential for ");
}

#[test]
fn a_useless_token_leads_to_one_proof_for_all_images() {
    for (count, jobs) in [(60, "8"), (10, "20"), (3, "1")] {
        let (registries, list) = registries(count);
        let harbor = with_projects(registries.harbor(Behaviour::default()));
        let run = plain(&registries, &harbor, &list).args(["-j", jobs]).run();
        refused(run, count);
        // One with a scope, which proves nothing at a Harbor, and one without.
        assert_eq!(harbor.failed_logins(), 2, "-j {jobs}");
        assert_eq!(harbor.logins("/v2/"), 0, "the registry itself never sees the password");
    }
}

#[test]
fn prepare_and_push_know_of_each_other_s_refusal() {
    for dry_run in [false, true] {
        let (registries, list) = registries(60);
        let harbor = with_projects(registries.harbor(Behaviour::default()));
        let run = mirror(registries.source.address(), &harbor, &list);
        let run = run.env("DOCKER_PASSWORD", WRONG);
        let run = if dry_run { run.arg("--dry-run").run() } else { run.run() };
        let run = run.exits(1).complains("HEAD /api/v2.0/projects").complains("refused earlier");
        let told = run.stderr.lines().filter(|line| line.contains("] failed ")).count();
        assert!(dry_run || told < 10, "{told} of 60 images tell it: {}", run.stderr);
        assert_eq!(harbor.logins("/api/"), 1, "the API saw it once: {}", run.stderr);
        assert_eq!(harbor.logins("/service/token"), 1, "the token service saw it once");
        assert_eq!(harbor.logins("/api/v2.0/ping"), 0, "a ping needs no password");
        assert_eq!(harbor.tokens(), 0, "a useless token was fetched");
    }
}

#[test]
fn a_validation_shows_a_wrong_password_as_seldom() {
    let (registries, list) = registries(10);
    let harbor = with_projects(registries.harbor(Behaviour::default()));
    let run = Longshore::new().validate().list(&list).source(registries.source.address());
    let run = run.destination(harbor.address()).env("DOCKER_USERNAME", "robot");
    run.env("DOCKER_PASSWORD", WRONG).run().exits(1).complains("refused earlier");
    assert_eq!(harbor.failed_logins(), 2);
}

#[test]
fn a_wrong_password_for_the_source_is_shown_as_seldom() {
    let (registries, list) = registries(10);
    let harbor = Harbor::start(registries.source.address(), Behaviour::default());
    let harbor = with_projects(harbor);
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("robot:{WRONG}"),
    );
    let known = format!(r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#, harbor.address());
    let run = Longshore::new().mirror().list(&list).source(harbor.address());
    let run = run.destination(registries.behind.address());
    refused(run.file("../home/.docker/config.json", known).run(), 10);
    assert_eq!(harbor.failed_logins(), 2);
}

#[test]
fn the_account_is_not_locked_for_its_owner() {
    let (registries, list) = registries(10);
    let lockout = Behaviour { lockout: Some(3), ..Behaviour::default() };
    let harbor = with_projects(registries.harbor(lockout));
    plain(&registries, &harbor, &list).run().exits(1);
    mirror(registries.source.address(), &harbor, &list).run().exits(0);
    registries.behind.assert_complete("p0/app0", "1");
}

#[test]
fn a_scope_that_is_refused_is_no_proof_against_a_credential() {
    // The first entry goes to a project that is missing: its token is worth nothing.
    let registries = Registries::with(&["gone/a", "p0/a", "p1/a", "gone/b"]);
    let harbor = with_projects(registries.harbor(Behaviour::default()));
    let list = "gone/a gone/a 1\np0/a p0/a 1\np1/a p1/a 1\ngone/b gone/b 1\n";
    let run = plain(&registries, &harbor, list).env("DOCKER_PASSWORD", super::PASSWORD);
    let run = run.args(["-j", "1"]).run().exits(1);
    run.sums_up("2 copied, 0 skipped, 2 failed").complains("project gone not found");
    for repository in ["p0/a", "p1/a"] {
        registries.behind.assert_complete(repository, "1");
    }
    assert_eq!(harbor.failed_logins(), 0);
    assert!(harbor.tokens() <= 5, "one a repository, and one proof: {}", harbor.tokens());
}

#[test]
fn a_list_of_repositories_that_is_refused_is_no_proof_against_a_credential() {
    let registries = Registries::with(&["p0/a"]);
    let harbor = Harbor::start(registries.source.address(), Behaviour::default());
    let harbor = with_projects(harbor);
    let source = harbor.address();
    // The first entry selects repositories by pattern, which asks for the catalogue.
    let list = format!(
        "version: 1\nsync:\n- source: {source}\n  target: {to}\n  type: registry\n\
         - source: {source}/p0/a:1\n  target: {to}/p0/a:1\n  type: image\n",
        to = registries.behind.address()
    );
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{}:{}", super::USER, super::PASSWORD),
    );
    let known = format!(r#"{{"auths":{{"{source}":{{"auth":"{pair}"}}}}}}"#);
    let run = Longshore::new().mirror().list(&list).file("../home/.docker/config.json", known);
    let run = run.args(["--list-format", "regsync"]).run().exits(1);
    run.sums_up("1 copied, 0 skipped, 1 failed").complains("unauthorized to list catalog");
    registries.behind.assert_complete("p0/a", "1");
    assert_eq!(harbor.failed_logins(), 0);
}
