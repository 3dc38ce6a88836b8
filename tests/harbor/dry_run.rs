//! A dry run before the projects of a Harbor exist.

use super::Registries;
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run};

fn dry(registries: &Registries, harbor: &Harbor, list: &str) -> Run {
    let run = registries.mirror(harbor, list).arg("--dry-run").run();
    let asked = harbor.asked();
    let changes = asked.iter().filter(|asked| !["GET", "HEAD"].contains(&asked.method.as_str()));
    assert_eq!(changes.count(), 0, "a dry run sent a change");
    run
}

#[test]
fn entries_of_projects_that_would_be_created_would_be_copied() {
    let registries = Registries::with(&["team/a", "team/b", "other/a", "there/a"]);
    let harbor = registries.harbor(Behaviour::default()).with_project("there");
    let list = "team/a team/a 1\nteam/b team/b 1\nother/a other/a 1\nthere/a there/a 1\n";
    let run = dry(&registries, &harbor, list).exits(0).sums_up("4 to copy, 0 skipped, 0 failed");
    assert_eq!(run.stdout.matches("would be copied; project team would be created").count(), 2);
    assert_eq!(run.stdout.matches("would be copied; project other would be created").count(), 1);
    assert!(!run.stdout.contains("unauthorized"), "{}", run.stdout);
    assert!(run.stdout.lines().any(|line| line.ends_with("there/a:1: would be copied")));
    let tokens = harbor.tokens();
    assert!(tokens <= 1, "a missing project was asked for tokens: {tokens}");
}

#[test]
fn what_prepare_refuses_fails() {
    let registries = Registries::with(&["team/a"]);
    for name in ["my__proj", "a--b", "a__b-c", "x-----y"] {
        let harbor = registries.harbor(Behaviour::default());
        let list = format!("team/a {name}/a 1\nteam/a good/a 1\n");
        let run = dry(&registries, &harbor, &list).exits(1).complains("Harbor allows no project");
        let run = run.sums_up("1 to copy, 0 skipped, 1 failed");
        assert!(!run.stdout.contains(&format!("{name}/a:1: would be copied")), "{}", run.stdout);
    }
}

#[test]
fn an_account_that_cannot_create_is_told_before_the_run() {
    let registries = Registries::with(&["team/a"]);
    for (behaviour, why) in [
        (Behaviour { admin_only: true, ..Behaviour::default() }, "administrators only"),
        (Behaviour { robot: true, hides_head: true, ..Behaviour::default() }, "robot"),
    ] {
        let harbor = registries.harbor(behaviour).with_project("there");
        let run = dry(&registries, &harbor, "team/a team/a 1\nteam/a there/a 1\n").exits(1);
        run.sums_up("1 to copy, 0 skipped, 1 failed").complains(why);
    }
}

#[test]
fn without_a_repository_type_a_missing_project_fails_with_the_way_out() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default()).with_project("there");
    let run = Longshore::new().mirror().list("team/a team/a 1\nteam/a there/a 1\n");
    let run = run.source(registries.source.address()).destination(harbor.address());
    let run = run.env("DOCKER_USERNAME", super::USER).env("DOCKER_PASSWORD", super::PASSWORD);
    let run = run.arg("--dry-run").run().exits(1).sums_up("1 to copy, 0 skipped, 1 failed");
    run.complains("project team not found")
        .complains("--repo-type harbor creates missing projects");
}

/// A dry run to a registry that shows a missing tag to everybody, whatever its API says.
fn dry_beside_api(destination: &str, https: bool) -> Run {
    let source = Registries::with(&["team/a"]);
    let run = Longshore::new().mirror().list("team/a team/a 1\n").source(source.source.address());
    let https = format!("--harbor-https={https}");
    let run = run.destination(destination).args(["--repo-type=harbor", &https, "--dry-run"]);
    run.env("DOCKER_USERNAME", super::USER).env("DOCKER_PASSWORD", super::PASSWORD).run()
}

#[test]
fn a_project_that_nobody_could_prepare_is_not_said_to_be_ready() {
    let registry = Registry::embedded();
    let unanswered = FaultProxy::before(&registry);
    unanswered.rule(Rule::on("*", "/api/*").answers(Answer::status(404)));
    let refusing = FaultProxy::before(&registry);
    refusing.rule(Rule::on("HEAD", "/api/*").answers(Answer::status(403)));
    refusing.rule(Rule::on("GET", "/api/v2.0/ping*").answers(Answer::status(200).body("Pong")));
    for (destination, https) in
        [(&unanswered, false), (&unanswered, true), (&refusing, false), (&refusing, true)]
    {
        let run = dry_beside_api(destination.address(), https).exits(0);
        let unknown = "team/a:1: its repository could not be prepared, so only a push can tell: ";
        assert!(run.stdout.contains(unknown), "{}", run.stdout);
        assert!(run.stdout.contains("not looked at: 1; only a push can"), "{}", run.stdout);
        run.sums_up("0 to copy, 0 skipped, 0 failed");
    }
}

#[test]
fn a_project_that_the_account_may_not_create_fails_its_entries() {
    let registry = Registry::embedded();
    let proxy = FaultProxy::before(&registry);
    let json =
        |text: &str| Answer::status(200).header("content-type", "application/json").body(text);
    let answers = [
        ("HEAD", "/api/v2.0/projects*", Answer::status(404)),
        ("GET", "/api/v2.0/ping*", Answer::status(200).body("Pong")),
        ("GET", "/api/v2.0/systeminfo*", json(r#"{"project_creation_restriction":"adminonly"}"#)),
        ("GET", "/api/v2.0/users/current*", json(r#"{"sysadmin_flag":false}"#)),
    ];
    for (method, path, answer) in answers {
        proxy.rule(Rule::on(method, path).answers(answer));
    }
    let run = dry_beside_api(proxy.address(), false).exits(1);
    let run = run.sums_up("0 to copy, 0 skipped, 1 failed").complains("right project:create");
    run.complains("hint: create the project first, or use an account that may create it");
}
