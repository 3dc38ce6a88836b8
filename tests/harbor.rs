//! `--repo-type harbor` against a fake Harbor with the behaviour of a real one.

mod account;
mod dry_run;
mod login;
mod missing;
mod proxy_cache;
mod rights;
mod signature;
mod token;

use longshore_content::Image;

use crate::support::harbor::{Behaviour, Harbor, PASSWORD, USER};
use crate::support::{Longshore, Registry};

/// The registries of a test: a source with an image under several names, and Harbor's upstream.
struct Registries {
    source: Registry,
    behind: Registry,
}

impl Registries {
    fn with(repositories: &[&str]) -> Self {
        let (source, behind) = (Registry::embedded(), Registry::embedded());
        let image = Image::new("linux/amd64").layer(1, 1000).build();
        for repository in repositories {
            source.push(repository, "1", &image);
        }
        Self { source, behind }
    }

    fn harbor(&self, behaviour: Behaviour) -> Harbor {
        Harbor::start(self.behind.address(), behaviour)
    }

    fn mirror(&self, harbor: &Harbor, list: &str) -> Longshore {
        mirror(self.source.address(), harbor, list)
    }
}

/// Prepares a run with Harbor's account in the environment.
fn mirror(source: &str, harbor: &Harbor, list: &str) -> Longshore {
    Longshore::new()
        .mirror()
        .list(list)
        .source(source)
        .destination(harbor.address())
        .args(["--repo-type", "harbor", "--harbor-https=false"])
        .env("DOCKER_USERNAME", USER)
        .env("DOCKER_PASSWORD", PASSWORD)
}

fn private(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|&name| (name.to_owned(), "false".to_owned())).collect()
}

#[test]
fn missing_projects_are_created_once_each_and_private() {
    let registries = Registries::with(&["team/a", "team/b", "other/c/d", "e"]);
    // In front of the source only to record the requests.
    let open = Behaviour { open: true, ..Behaviour::default() };
    let source = Harbor::start(registries.source.address(), open);
    let harbor = registries.harbor(Behaviour::default()).with_project("there");
    let list = "team/a team/a 1\nteam/b team/b 1\nother/c/d other/c/d 1\ne e 1\nteam/a there/a 1\n";
    mirror(source.address(), &harbor, list).run().exits(0);

    assert_eq!(harbor.created(), private(&["library", "other", "team"]));
    assert_eq!(harbor.count("POST", "/api/v2.0/projects"), 3, "a project was created twice");
    for repository in ["team/a", "team/b", "other/c/d", "library/e", "there/a"] {
        registries.behind.assert_complete(repository, "1");
    }
    for asked in harbor.asked() {
        assert!(!asked.has_cookie(), "a cookie was sent: {asked:?}");
        let basic = asked.scheme() == Some("Basic");
        assert!(!basic || asked.is_control(), "the password went elsewhere: {asked:?}");
    }
    let asked = source.asked();
    assert!(!asked.is_empty(), "no request to the source");
    assert!(asked.iter().all(|asked| asked.scheme().is_none()), "a secret went to the source");

    mirror(source.address(), &harbor, list).run().exits(0);
    assert_eq!(harbor.count("POST", "/api/v2.0/projects"), 3, "the second run created again");
}

#[test]
fn a_project_created_concurrently_is_not_an_error() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour { raced: true, ..Behaviour::default() });
    registries.mirror(&harbor, "team/a team/a 1\n").run().exits(0);
    assert_eq!(harbor.count("POST", "/api/v2.0/projects"), 1);
    assert_eq!(harbor.created(), []);
    registries.behind.assert_complete("team/a", "1");
}

#[test]
fn a_public_project_is_created_only_if_configured() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let list = "team/a team/a 1\n";
    let public = ["--plugin-config", "harbor.public=true"];
    registries.mirror(&harbor, list).args(public).run().exits(0);
    assert_eq!(harbor.created(), [("team".to_owned(), "true".to_owned())]);

    let wrong = ["--plugin-config", "harbor.public=perhaps"];
    let run = registries.mirror(&harbor, list).args(wrong).run().exits(2);
    run.complains("configure plugin `harbor`: `public` must be true or false, not `perhaps`");
}

#[test]
fn a_rejected_creation_still_tries_the_push_and_both_errors_are_shown() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour { admin_only: true, ..Behaviour::default() });
    let harbor = harbor.with_project("there");
    // An existing project needs no creation, which would return 403 too.
    let list = "team/a there/a 1\nteam/a team/a 1\n";
    let run = registries.mirror(&harbor, list).run().exits(1);
    let run = run.complains("project team on ").complains("trying the push anyway");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    for part in ["project team not found", "administrators only", "\nteam/a team/a 1\n"] {
        assert!(failed.contains(part), "no `{part}` in the failed list:\n{failed}");
    }
    assert!(!failed.contains("there/a"), "a copied entry is in the failed list:\n{failed}");
    let pushes = harbor.asked().iter().filter(|asked| asked.path.starts_with("/v2/team/")).count();
    assert!(pushes > 0, "the push was not tried");
    registries.behind.assert_complete("there/a", "1");
}

#[test]
fn a_name_that_harbor_rejects_fails_only_its_entry() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let list = "team/a a__b/a 1\nteam/a team/a 1\n";
    let run = registries.mirror(&harbor, list).run().exits(1).complains("a__b");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("Harbor allows no project"), "{failed}");
    assert_eq!(harbor.created(), private(&["team"]));
    registries.behind.assert_complete("team/a", "1");
}

#[test]
fn a_read_only_harbor_is_reported() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour { read_only: true, ..Behaviour::default() });
    let harbor = harbor.with_project("there");
    let list = "team/a team/a 1\nteam/a there/a 1\n";
    let run = registries.mirror(&harbor, list).run().exits(1).complains("read-only mode");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert!(failed.contains("read only mode"), "{failed}");
}

#[test]
fn a_host_without_harbor_gets_the_push_with_a_warning() {
    let registries = Registries::with(&["team/a"]);
    let behaviour = Behaviour { no_api: true, ..Behaviour::default() };
    let harbor = registries.harbor(behaviour).with_project("team");
    let run = registries.mirror(&harbor, "team/a team/a 1\n").run().exits(0);
    run.complains("found no Harbor v2 at ").complains("the push to ");
    assert_eq!(harbor.created(), []);
    registries.behind.assert_complete("team/a", "1");
}

#[test]
fn a_dry_run_creates_nothing_and_reports_the_plan() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default());
    let run = registries.mirror(&harbor, "team/a team/a 1\n").arg("--dry-run").run();
    let run = run.complains("would be created").exits(0);
    assert_eq!(run.file("mirror-failed.txt"), None, "a dry run writes no failed list");
    let changes = harbor
        .asked()
        .into_iter()
        .filter(|asked| !["GET", "HEAD"].contains(&asked.method.as_str()));
    assert_eq!(changes.count(), 0, "a dry run sent a change");
}

#[test]
fn a_harbor_without_tls_gets_a_hint_and_no_password() {
    let registries = Registries::with(&["team/a"]);
    let harbor = registries.harbor(Behaviour::default()).with_project("team");
    let run = |destination: &str| {
        let run = Longshore::new().mirror().list("team/a team/a 1\n");
        let run = run.source(registries.source.address()).destination(destination);
        run.args(["--repo-type", "harbor"])
    };
    let by_https = run(harbor.address()).run();
    by_https.complains("by HTTPS: ").complains("(--harbor-https=false uses plain HTTP)");

    let refused = run("r.invalid").arg("--harbor-https=false").run().exits(2);
    let refused = refused.complains("use --harbor-https=false for r.invalid: plain HTTP would");
    refused.complains("hint: give --tls-verify=false too");
    // The error names the setting as it was written.
    let configured = ["--plugin-config", "harbor.https=false"];
    let refused = run("r.invalid").args(configured).run().exits(2);
    refused.complains("use --plugin-config harbor.https=false for r.invalid: plain HTTP would");
    for (settings, written) in [
        ("[plugins.harbor]\nhttps = false\n", "[plugins.harbor] https=false"),
        ("harbor-https = false\n", "--harbor-https=false"),
    ] {
        let run = run("r.invalid").file("s.toml", settings).args(["--settings", "s.toml"]);
        run.run().exits(2).complains(&format!("use {written} for r.invalid: plain HTTP would"));
    }
}
