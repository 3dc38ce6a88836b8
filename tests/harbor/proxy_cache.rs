//! A project of Harbor that is a proxy cache answers for content that it does not store.

use longshore_content::Image;

use super::{PASSWORD, Registries, USER, mirror};
use crate::support::Longshore;
use crate::support::harbor::{Behaviour, Harbor};

const WHY: &str = "is a proxy cache; nothing can be mirrored into it";
const LIST: &str = "team/a hub/team/a 1\nteam/b hub/team/b 1\n";

/// Makes a Harbor whose project `hub` is a proxy cache of the source itself.
fn harbor(registries: &Registries, behaviour: Behaviour) -> Harbor {
    let harbor = registries.harbor(behaviour).with_project("there");
    harbor.with_proxy("hub", registries.source.address())
}

/// Checks that nothing was written.
#[track_caller]
fn nothing_was_pushed(harbor: &Harbor) {
    let asked = harbor.asked();
    let written: Vec<_> = asked
        .iter()
        .filter(|asked| ["PUT", "PATCH"].contains(&asked.method.as_str()))
        .map(|asked| &asked.path)
        .collect();
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn mirror_refuses_it_before_anything_is_copied() {
    let registries = Registries::with(&["team/a", "team/b"]);
    let harbor = harbor(&registries, Behaviour::default());
    // What the cache shows and what it does not show, and an entry for another project.
    let list = format!("{LIST}team/a hub/new 1\nteam/a there/a 1\n");
    for arguments in [&[][..], &["--force-recursive"], &["--referrers"]] {
        let run = registries.mirror(&harbor, &list).args(arguments).run().exits(1);
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        assert_eq!(failed.matches(WHY).count(), 3, "{arguments:?}: {failed}");
        assert!(!failed.contains("there/a"), "{failed}");
        run.complains("hint: choose a project or registry that is not a pull-through cache");
        registries.behind.assert_complete("there/a", "1");
    }
    let pushes = harbor.asked().into_iter().filter(|asked| asked.path.starts_with("/v2/hub/"));
    assert!(pushes.into_iter().all(|asked| ["GET", "HEAD"].contains(&asked.method.as_str())));
}

#[test]
fn a_run_without_a_repository_type_refuses_it_too() {
    let registries = Registries::with(&["team/a", "team/b"]);
    let harbor = harbor(&registries, Behaviour::default());
    let run = Longshore::new().mirror().list(LIST).source(registries.source.address());
    let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
    let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
    run.sums_up("0 copied, 0 skipped, 2 failed").complains(WHY);
    assert_eq!(harbor.count("GET", "/api/v2.0/projects"), 1, "a project is looked up once");
    nothing_was_pushed(&harbor);
}

#[test]
fn validation_and_dry_run_refuse_it() {
    let registries = Registries::with(&["team/a", "team/b"]);
    let harbor = harbor(&registries, Behaviour::default());
    let run = Longshore::new().validate().list(LIST).source(registries.source.address());
    let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
    let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
    run.sums_up("0 valid, 0 skipped, 2 failed").complains(WHY);

    let run = registries.mirror(&harbor, LIST).arg("--dry-run").run().exits(1);
    run.sums_up("0 to copy, 0 skipped, 2 failed").complains(WHY);
    let changes = harbor.asked();
    let changes = changes.iter().filter(|asked| !["GET", "HEAD"].contains(&asked.method.as_str()));
    assert_eq!(changes.count(), 0);
}

#[test]
fn a_project_that_the_api_does_not_show_is_told_by_its_answers() {
    let registries = Registries::with(&["team/a", "team/b"]);
    for behaviour in [
        Behaviour { hides_projects: true, ..Behaviour::default() },
        Behaviour { no_api: true, ..Behaviour::default() },
    ] {
        let harbor = harbor(&registries, behaviour.clone());
        let said = "hub answers like a proxy cache; nothing can be mirrored into it";
        let run = Longshore::new().mirror().list(LIST).source(registries.source.address());
        let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
        let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
        run.sums_up("0 copied, 0 skipped, 2 failed").complains(said);

        let run = Longshore::new().validate().list(LIST).source(registries.source.address());
        let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
        let run = run.env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
        run.sums_up("0 valid, 0 skipped, 2 failed").complains(said);
        nothing_was_pushed(&harbor);
    }
}

#[test]
fn a_push_that_the_cache_refuses_is_explained() {
    let registries = Registries::with(&["team/a"]);
    // Nothing is shown, so that nothing gives the cache away before the push.
    let behaviour = Behaviour { hides_projects: true, ..Behaviour::default() };
    let harbor = harbor(&registries, behaviour);
    let run = Longshore::new().mirror().list("team/a hub/new 1\n");
    let run = run.source(registries.source.address()).destination(harbor.address());
    let run = run.env("DOCKER_USERNAME", USER).env("DOCKER_PASSWORD", PASSWORD).run().exits(1);
    run.complains("can not push artifact to a proxy project: hub")
        .complains("hint: choose a project or registry that is not a pull-through cache");
}

#[test]
fn ordinary_projects_stay_ordinary() {
    let registries = Registries::with(&["team/a", "team/b"]);
    // Their names contain each other's, and more of them exist than fit on one page.
    let mut harbor = harbor(&registries, Behaviour::default()).with_project("hu");
    for number in 0..150 {
        harbor = harbor.with_proxy(&format!("a-hu-{number}"), registries.source.address());
    }
    let list = "team/a hu/a 1\nteam/b there/b 1\n";
    let run = registries.mirror(&harbor, list).run().exits(0);
    run.sums_up("2 copied, 0 skipped, 0 failed");
    let run = registries.mirror(&harbor, list).run().exits(0);
    run.sums_up("0 copied, 2 skipped, 0 failed");
    let hidden = Behaviour { hides_projects: true, ..Behaviour::default() };
    let harbor = registries.harbor(hidden).with_project("hu").with_project("there");
    let run = mirror(registries.source.address(), &harbor, list).run().exits(0);
    run.sums_up("0 copied, 2 skipped, 0 failed");
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    assert_eq!(registries.behind.manifest("hu/a", "1").digest, image.digest());
}
