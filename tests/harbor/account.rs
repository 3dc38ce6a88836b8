//! The account for Harbor's API, and what Harbor drops without an error.

use super::{Registries, mirror};
use crate::support::Longshore;
use crate::support::harbor::{Behaviour, PASSWORD, USER};

/// Makes the account in the environment one that may push only, and names the one for the API.
fn with_own_account(run: Longshore) -> Longshore {
    let settings =
        format!("[plugins.harbor.endpoints.api]\nusername = '{USER}'\npassword-env = 'ADMIN'\n");
    run.args(["--settings", "s.toml"]).file("s.toml", settings).env("ADMIN", PASSWORD)
}

#[test]
fn the_api_has_an_account_apart_from_the_push() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    // The push has no account, and is refused. The API creates the project all the same.
    let run = with_own_account(registries.mirror(&harbor, "team/a team/a 1\n"));
    let run = run.env("DOCKER_USERNAME", "").env("DOCKER_PASSWORD", "").run().exits(1);
    run.complains("project team on ").complains("was created");
    assert_eq!(harbor.created(), [("team".to_owned(), "false".to_owned())]);
    let pushes = harbor.asked().into_iter().filter(|asked| !asked.path.starts_with("/api/"));
    assert_eq!(pushes.filter(|asked| asked.scheme() == Some("Basic")).count(), 0);
}

#[test]
fn a_refusal_names_the_account_and_the_right() {
    let registries = Registries::with(&["team/a"]);
    let refusing = || registries.harbor(Behaviour { admin_only: true, ..Behaviour::default() });
    let harbor = refusing();
    let run = mirror(registries.source.address(), &harbor, "team/a team/a 1\n").run().exits(1);
    run.complains("project:create").complains(&format!("the account was user {USER}"));
    let harbor = refusing();
    let run = with_own_account(mirror(registries.source.address(), &harbor, "team/a team/a 1\n"));
    let run = run.arg("--dry-run").run();
    let own = format!("the account was user {USER} of endpoint api of harbor");
    run.complains("lacks the right project:create").complains(&own);
}

#[test]
fn a_limit_that_harbor_drops_is_told() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let limit = ["--plugin-config", "harbor.storage-limit=1000"];
    let run = registries.mirror(&harbor, "team/a team/a 1\n").args(limit).run().exits(0);
    run.complains("was created: Harbor dropped storage-limit 1000").complains("the project has -1");
}

#[test]
fn a_project_that_lacks_what_was_configured_is_a_warning_and_in_the_summary() {
    let registries = Registries::with(&["team/a", "other/a"]);
    let list = "team/a team/a 1\nother/a other/a 1\n";
    for (behaviour, key, says) in [
        (Behaviour::default(), "harbor.storage-limit=1000", "Harbor dropped storage-limit 1000"),
        (
            Behaviour { no_rules: true, ..Behaviour::default() },
            "harbor.immutable-tags=true",
            "its tags are not immutable: Harbor answered 404",
        ),
    ] {
        for flags in [&["--quiet"][..], &["--output=json", "--quiet"], &["--referrers"]] {
            let harbor = registries.harbor(behaviour.clone());
            let run = registries.mirror(&harbor, list).args(["--plugin-config", key]).args(flags);
            let run = run.run().exits(0);
            let what = format!("project other on {} was created: {says}", harbor.address());
            assert!(run.stderr.contains(&format!("[WARN] {what}")), "{}", run.stderr);
            if flags[0] == "--output=json" {
                let shortfalls = &run.json()["shortfalls"];
                assert_eq!(shortfalls.as_array().map(Vec::len), Some(2), "{shortfalls}");
                assert!(shortfalls[0].as_str().is_some_and(|text| text.starts_with(&what)));
            } else {
                assert!(
                    run.stdout.contains(&format!("not as configured: {what}")),
                    "{}",
                    run.stdout
                );
                assert!(
                    run.stdout.contains("; and 1 more, which the log names\n"),
                    "{}",
                    run.stdout
                );
            }
        }
    }
    let harbor = registries.harbor(Behaviour::default());
    let run = registries.mirror(&harbor, list).arg("--output=json").run().exits(0);
    assert_eq!(run.json().get("shortfalls"), None);
}

#[test]
fn new_projects_get_a_rule_for_their_tags() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let tags = ["--plugin-config", "harbor.immutable-tags=true"];
    let run = registries.mirror(&harbor, "team/a team/a 1\n").args(tags).run().exits(0);
    assert!(!run.stderr.contains("not immutable"), "{}", run.stderr);
    assert_eq!(harbor.count("POST", "/api/v2.0/projects/team/immutabletagrules"), 1);
}
