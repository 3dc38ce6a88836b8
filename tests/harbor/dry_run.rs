//! A dry run before the projects of a Harbor exist.

use super::Registries;
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Longshore, Run};

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
