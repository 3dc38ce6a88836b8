//! Tokens at a Harbor: each costs a tenth of a second of its time.

use std::collections::HashSet;

use longshore_content::{Content, Image};

use crate::support::harbor::{Asked, Behaviour, Harbor, PASSWORD, USER};
use crate::support::{Longshore, Registry};

/// An image with a layer of `family`, and one of its own.
fn image(number: usize, family: u64, shared: usize) -> Content {
    let own = u64::try_from(number).expect("a small number") + 1000;
    Image::new("linux/amd64").layer(family, shared).layer(own, 500).build()
}

/// Two registries with 60 images in 3 projects at the source.
struct Ends {
    source: Registry,
    behind: Registry,
    names: Vec<String>,
}

impl Ends {
    fn new(count: usize, shared: usize) -> Self {
        let (source, behind) = (Registry::embedded(), Registry::embedded());
        let name = |number: usize| format!("p{}/app{number}", number % 3);
        let names: Vec<String> = (0..count).map(name).collect();
        for (number, name) in names.iter().enumerate() {
            let family = u64::try_from(number % 4).expect("a small number");
            source.push(name, "1", &image(number, family, shared));
        }
        Self { source, behind, names }
    }

    fn harbor(&self) -> Harbor {
        let harbor = Harbor::start(self.behind.address(), Behaviour::default());
        ["p0", "p1", "p2"].iter().fold(harbor, |harbor, name| harbor.with_project(name))
    }

    fn mirror(&self, harbor: &Harbor) -> Longshore {
        let list: String = self.names.iter().map(|name| format!("{name} {name} 1\n")).collect();
        Longshore::new()
            .mirror()
            .list(&list)
            .source(self.source.address())
            .destination(harbor.address())
            .env("DOCKER_USERNAME", USER)
            .env("DOCKER_PASSWORD", PASSWORD)
    }

    #[track_caller]
    fn assert_arrived(&self) {
        for name in &self.names {
            self.behind.assert_complete(name, "1");
        }
    }
}

/// Counts the mounts that a Harbor was asked for from other repositories.
fn mounts(harbor: &Harbor) -> usize {
    let asked = harbor.asked();
    asked.iter().filter_map(Asked::mounts_from).count()
}

#[test]
fn sixty_small_images_cost_no_more_tokens_than_repositories() {
    for jobs in ["8", "1", "20"] {
        let ends = Ends::new(60, 20_000);
        let harbor = ends.harbor();
        ends.mirror(&harbor).args(["-j", jobs]).run().exits(0).sums_up("60 copied");
        ends.assert_arrived();
        assert!(harbor.tokens() <= 60, "-j {jobs}: {} tokens for 60 repositories", harbor.tokens());
        assert!(mounts(&harbor) >= 10, "-j {jobs}: {} mounts", mounts(&harbor));
        assert_eq!(harbor.failed_logins(), 0);

        let before = harbor.tokens();
        ends.mirror(&harbor).run().exits(0).sums_up("0 copied, 60 skipped");
        assert!(harbor.tokens() - before <= 60, "the second run: {}", harbor.tokens() - before);
    }
}

#[test]
fn a_project_without_the_right_to_push_costs_the_others_no_token() {
    // A token that says that it allows no push is not renewed; another one is, once. Only the first few
    // refusals may look as if requests used up each other's tokens.
    for (opaque, most) in [(false, 30), (true, 30 + 10 + 5)] {
        let ends = Ends::new(30, 20_000);
        let behaviour = Behaviour { opaque, pull_only: Some("p1"), ..Behaviour::default() };
        let harbor = Harbor::start(ends.behind.address(), behaviour);
        let harbor =
            ["p0", "p1", "p2"].iter().fold(harbor, |harbor, name| harbor.with_project(name));
        ends.mirror(&harbor).run().exits(1).sums_up("20 copied, 0 skipped, 10 failed");
        assert!(harbor.tokens() <= most, "opaque: {opaque}: {} tokens", harbor.tokens());
        assert_eq!(harbor.failed_logins(), 0);
    }
}

#[test]
fn tags_of_one_repository_share_a_token() {
    let (source, behind) = (Registry::embedded(), Registry::embedded());
    let mut list = String::new();
    for number in 0..20 {
        let tag = number.to_string();
        source.push("p0/app", &tag, &image(number, 1, 1000));
        list.push_str(&format!("p0/app p0/app {tag}\n"));
    }
    let harbor = Harbor::start(behind.address(), Behaviour::default()).with_project("p0");
    let run = Longshore::new().mirror().list(&list).source(source.address());
    let run = run.destination(harbor.address()).env("DOCKER_USERNAME", USER);
    run.env("DOCKER_PASSWORD", PASSWORD).run().exits(0);
    assert_eq!(harbor.tokens(), 1);
}

#[test]
fn a_token_asks_for_the_homes_that_were_seen_before_it() {
    let ends = Ends::new(4, 1000);
    let harbor = ends.harbor();
    ends.mirror(&harbor).args(["-j", "1"]).run().exits(0);
    let asked = harbor.asked();
    let tokens = asked.iter().filter(|asked| asked.path == "/service/token");
    let scopes: Vec<Vec<String>> = tokens.map(|asked| asked.scopes()).collect();
    assert_eq!(
        scopes,
        [
            vec!["repository:p0/app0:pull,push"],
            vec!["repository:p1/app1:pull,push", "repository:p0/app0:pull"],
            vec![
                "repository:p2/app2:pull,push",
                "repository:p0/app0:pull",
                "repository:p1/app1:pull"
            ],
            vec![
                "repository:p0/app3:pull,push",
                "repository:p0/app0:pull",
                "repository:p1/app1:pull",
                "repository:p2/app2:pull"
            ],
        ]
    );
}

#[test]
fn only_large_blobs_pay_for_another_token() {
    // 30 repositories are more than a token covers; the last ones share a layer with the 20th.
    for (shared, pays) in [(50_000, false), (3 * 1024 * 1024, true)] {
        let ends = Ends::new(30, 1000);
        let layer = |number: usize| {
            let own = u64::try_from(number).expect("a small number") + 2000;
            Image::new("linux/amd64").layer(99, shared).layer(own, 100).build()
        };
        for number in [20, 28] {
            ends.source.push(&ends.names[number], "1", &layer(number));
        }
        let harbor = ends.harbor();
        ends.mirror(&harbor).args(["-j", "1"]).run().exits(0);
        ends.assert_arrived();
        assert_eq!(harbor.tokens(), if pays { 31 } else { 30 }, "a layer of {shared} bytes");
        let asked = harbor.asked();
        let paid = asked
            .iter()
            .filter_map(Asked::mounts_from)
            .filter(|from| *from == ends.names[20])
            .count();
        assert_eq!(paid, usize::from(pays), "a layer of {shared} bytes");
    }
}

#[test]
fn each_repository_has_one_token_at_the_source_too() {
    let ends = Ends::new(12, 1000);
    let harbor = Harbor::start(ends.source.address(), Behaviour::default());
    let harbor = ["p0", "p1", "p2"].iter().fold(harbor, |harbor, name| harbor.with_project(name));
    let list: String = ends.names.iter().map(|name| format!("{name} {name} 1\n")).collect();
    let pair = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("{USER}:{PASSWORD}"),
    );
    let known = format!(r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#, harbor.address());
    let run = Longshore::new().mirror().list(&list).source(harbor.address());
    let run = run.destination(ends.behind.address()).file("../home/.docker/config.json", known);
    run.args(["--referrers"]).run().exits(0);
    assert_eq!(harbor.tokens(), 12);
    let asked = harbor.asked();
    let scopes: HashSet<Vec<String>> = asked.iter().map(|asked| asked.scopes()).collect();
    assert!(scopes.iter().flatten().all(|scope| scope.ends_with(":pull")), "{scopes:?}");
}
