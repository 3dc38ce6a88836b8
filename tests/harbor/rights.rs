//! An account that may not push: the token says so, and a dry run tells it.

use super::{PASSWORD, Registries, USER};
use crate::support::harbor::{Behaviour, Harbor};
use crate::support::{Longshore, Run};

const REFUSED: &str = "a push would be refused: the token for ";
const HINT: &str = "hint: give the account the right to push there, or use another one";

fn dry(registries: &Registries, harbor: &Harbor, list: &str) -> Run {
    let run = Longshore::new().mirror().list(list).source(registries.source.address());
    let run = run.destination(harbor.address()).arg("--dry-run");
    let run = run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run();
    let asked = harbor.asked();
    assert!(asked.iter().all(|asked| ["GET", "HEAD"].contains(&asked.method.as_str())));
    run
}

#[test]
fn a_dry_run_tells_that_an_account_may_only_pull() {
    let registries = Registries::with(&["team/a", "team/b"]);
    let list = "team/a team/a 1\nteam/b team/b 1\n";
    for rights in ["pull", ""] {
        let behaviour = Behaviour { robot: true, rights: Some(rights), ..Behaviour::default() };
        let harbor = registries.harbor(behaviour).with_project("team");
        let run =
            dry(&registries, &harbor, list).exits(1).sums_up("0 to copy, 0 skipped, 2 failed");
        assert_eq!(run.stderr.matches(REFUSED).count(), 2, "{rights}: {}", run.stderr);
        run.complains(HINT);
        // One for each repository, and a proof of the password if nothing was shown.
        assert_eq!(harbor.tokens(), if rights.is_empty() { 3 } else { 2 }, "{rights}");
        assert_eq!(harbor.failed_logins(), 0);
    }
}

#[test]
fn a_dry_run_with_a_repository_type_tells_it_too() {
    let registries = Registries::with(&["team/a"]);
    let behaviour = Behaviour { rights: Some("pull"), ..Behaviour::default() };
    let harbor = registries.harbor(behaviour).with_project("there");
    // A project that would be created gets its rights then.
    let list = "team/a there/a 1\nteam/a new/a 1\n";
    let run = registries.mirror(&harbor, list).arg("--dry-run").run().exits(1);
    run.sums_up("1 to copy, 0 skipped, 1 failed").complains(REFUSED);
}

#[test]
fn an_account_with_the_right_costs_no_further_token() {
    let registries = Registries::with(&["team/a", "team/b"]);
    let harbor = registries.harbor(Behaviour::default()).with_project("team");
    let list = "team/a team/a 1\nteam/b team/b 1\n";
    dry(&registries, &harbor, list).exits(0).sums_up("2 to copy, 0 skipped, 0 failed");
    assert_eq!(harbor.tokens(), 2);
}

#[test]
fn what_is_there_needs_no_right_to_push() {
    let registries = Registries::with(&["team/a"]);
    registries
        .mirror(&registries.harbor(Behaviour::default()).with_project("team"), "team/a team/a 1\n")
        .run()
        .exits(0);
    let behaviour = Behaviour { rights: Some("pull"), ..Behaviour::default() };
    let harbor = registries.harbor(behaviour).with_project("team");
    let run = dry(&registries, &harbor, "team/a team/a 1\n").exits(0);
    run.sums_up("0 to copy, 1 skipped, 0 failed");
    // Another tag of it does.
    let run = dry(&registries, &harbor, "team/a team/a 1\nteam/a team/copy 1\n").exits(1);
    run.sums_up("0 to copy, 1 skipped, 1 failed").complains(REFUSED);
}

#[test]
fn a_refused_push_names_the_repository_type_as_one_way_out() {
    let registries = Registries::with(&["team/a"]);
    let behaviour = Behaviour { rights: Some("pull"), ..Behaviour::default() };
    let harbor = registries.harbor(behaviour).with_project("team");
    let list = "team/a team/a 1\n";
    dry(&registries, &harbor, list).exits(1).complains("--repo-type harbor creates it");
    let run = || {
        let run = Longshore::new().mirror().list(list).source(registries.source.address());
        run.destination(harbor.address())
    };
    let refused = run().env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run();
    let refused = refused.exits(1).complains("unauthorized to access repository");
    refused.complains("; if its project is missing, --repo-type harbor creates it (auto asks");
    let none = run().run().exits(1);
    assert!(!none.stderr.contains("--repo-type"), "no credential: {}", none.stderr);
}

#[test]
fn a_push_without_the_right_costs_no_further_token() {
    let names: Vec<String> = (0..12).map(|number| format!("team/app{number}")).collect();
    let registries = Registries::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let list: String = names.iter().map(|name| format!("{name} {name} 1\n")).collect();
    for rights in ["pull", ""] {
        let behaviour = Behaviour { rights: Some(rights), ..Behaviour::default() };
        let harbor = registries.harbor(behaviour).with_project("team");
        let run = Longshore::new().mirror().list(&list).source(registries.source.address());
        let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
        let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
        run.sums_up("0 copied, 0 skipped, 12 failed").complains("unauthorized to access");
        // One for each repository, and a proof of the password if nothing was shown.
        assert!(harbor.tokens() <= 13, "{rights:?}: {} tokens", harbor.tokens());
        assert_eq!(harbor.failed_logins(), 0);
    }
}
