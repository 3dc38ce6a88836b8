//! Lists of tags, repositories and referrers, and other answers that are as large as registries like.

use longshore_content::{Image, digest};

use super::within_memory;
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Seen};

const MIB: usize = 1024 * 1024;
/// The size of a page that is read.
const PAGE: usize = 8 * MIB - 1024;

/// A page with names of `width` digits after `before`; the page with this number has others.
fn page(key: &str, before: &str, width: usize, number: usize) -> String {
    let count = PAGE / (before.len() + width + 3);
    let name = |at: usize| format!("\"{before}{:0width$}\"", number * count + at);
    let names: Vec<String> = (0..count).map(name).collect();
    format!(r#"{{"{key}":[{}]}}"#, names.join(","))
}

/// The number of the page that a request is for.
fn number(request: &Seen) -> usize {
    request.parameters("page").first().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Answers with a body, and a link to the page after the requested one.
fn linked(request: &Seen, body: impl Into<Vec<u8>>) -> Answer {
    let next = format!("<{}?page={}>; rel=\"next\"", request.path, number(request) + 1);
    Answer::status(200).header("link", &next).body(body)
}

/// A registry whose pages at `pattern` never end.
fn endless(pattern: &str, page: impl Fn(usize) -> String + Send + Sync + 'static) -> FaultProxy {
    let registry = FaultProxy::without_upstream();
    registry.rule(
        Rule::on("GET", pattern).answers_by(move |seen| Some(linked(seen, page(number(seen))))),
    );
    registry
}

/// Mirrors what `sync` of a regsync file says, into a registry where nobody is.
fn sync(items: impl IntoIterator<Item = String>) -> Longshore {
    let items: String = items.into_iter().collect();
    Longshore::new().mirror().list(&format!("version: 1\nsync:\n{items}")).arg("--dry-run")
}

/// The tags of a repository that match a pattern that none matches.
fn tags_of(registry: &FaultProxy, repository: &str) -> String {
    let source = format!("{}/{repository}", registry.address());
    format!(
        "  - source: {source}\n    target: 127.0.0.1:9/{repository}\n    type: repository\n    tags:\n      allow: [\"^none$\"]\n"
    )
}

#[test]
fn pages_of_tags_without_end_are_refused() {
    let two = |number: usize| number % 2;
    for (what, registry) in [
        ("long names", endless("*/tags/list*", |number| page("tags", "", 120, number))),
        ("short names", endless("*/tags/list*", |number| page("tags", "", 8, number))),
        ("the same names", endless("*/tags/list*", move |number| page("tags", "", 7, two(number)))),
        ("no names", {
            let nested = format!(r#"{{"tags":[[{}1]]}}"#, "1,".repeat(PAGE / 2 - 10));
            endless("*/tags/list*", move |_| nested.clone())
        }),
    ] {
        let run = within_memory(sync([tags_of(&registry, "team/app")])).exits(1);
        run.complains("the list cannot be read: it has more than");
        assert!(registry.count("GET", "*/tags/list*") < 8, "{what}");
    }
}

#[test]
fn pages_without_content_end_too() {
    let registry = FaultProxy::without_upstream();
    let long = "x".repeat(10_000);
    registry.rule(Rule::on("GET", "*/tags/list*").answers_by(move |seen| {
        let next = format!("<{}?page={}&x={long}>; rel=\"next\"", seen.path, number(seen) + 1);
        Some(Answer::status(200).header("link", &next).body(r#"{"tags":[]}"#))
    }));
    let run = within_memory(sync([tags_of(&registry, "team/app")])).exits(1);
    run.complains("the link to the next page has more than 8 KiB");
}

#[test]
fn many_lists_at_once_take_no_more_memory_than_few() {
    let pages: Vec<String> = (0..4).map(|number| page("tags", "", 120, number)).collect();
    let registry = endless("*/tags/list*", move |number| pages[number % 4].clone());
    let lists = (0..12).map(|number| tags_of(&registry, &format!("team/app{number}")));
    let run = within_memory(sync(lists).args(["-j", "12"])).exits(1);
    assert_eq!(run.stderr.matches("it has more than").count(), 12, "{}", run.stderr);
}

#[test]
fn a_catalogue_without_end_is_refused() {
    let registry = endless("*/_catalog*", |number| page("repositories", "team/", 100, number));
    let item = format!(
        "  - source: {}\n    target: 127.0.0.1:9\n    type: registry\n",
        registry.address()
    );
    within_memory(sync([item])).exits(1).complains("it has more than");
}

#[test]
fn referrers_without_end_are_refused() {
    let source = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 1000).build();
    for number in 0..6 {
        source.push(&format!("team/app{number}"), "1", &image);
    }
    let list: String =
        (0..6).map(|number| format!("team/app{number} team/app{number} 1\n")).collect();
    let referrer = |number: usize, annotation: usize| {
        let digest = digest(number.to_string().as_bytes());
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let text = "x".repeat(annotation);
        format!(
            r#"{{"mediaType":"{kind}","digest":"{digest}","size":5,"annotations":{{"a":"{text}"}}}}"#
        )
    };
    for (what, count, annotation) in [("many", 9000, 0), ("large", 2, 3 * MIB)] {
        let pages: Vec<String> = (0..4)
            .map(|page| {
                let all =
                    (page * count..(page + 1) * count).map(|number| referrer(number, annotation));
                let all: Vec<String> = all.collect();
                format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, all.join(","))
            })
            .collect();
        let proxy = FaultProxy::before(&source);
        proxy.rule(
            Rule::on("GET", "*/referrers/*")
                .answers_by(move |seen| Some(linked(seen, pages[number(seen) % 4].clone()))),
        );
        let destination = Registry::embedded();
        let run = Longshore::new().mirror().list(&list).arg("--referrers");
        let run = run.source(proxy.address()).destination(destination.address());
        let run = within_memory(run).exits(1);
        assert!(run.stderr.contains("it has more than"), "{what}\n{}", run.stderr);
        assert_eq!(run.stderr.matches("list referrers of").count(), 6, "{what}\n{}", run.stderr);
    }
}

#[test]
fn large_configurations_are_read_one_after_the_other() {
    let kind = "application/vnd.oci.image.config.v1+json";
    let registry = FaultProxy::without_upstream();
    let config =
        format!(r#"{{"architecture":"amd64","os":"linux","x":"{}"}}"#, "y".repeat(16 * MIB - 1000));
    let named = digest(config.as_bytes());
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"{kind}","digest":"{named}","size":{}}},"layers":[]}}"#,
        config.len()
    );
    registry.rule(Rule::on("*", "*/manifests/*").answers(Answer::status(200).body(manifest)));
    registry.rule(Rule::on("GET", "*/blobs/*").answers(Answer::status(200).body(config)));
    let list: String =
        (0..24).map(|number| format!("team/app{number} team/app{number} 1\n")).collect();
    let run = Longshore::new().mirror().list(&list).args(["--arch", "arm64", "-j", "24"]);
    let destination = Registry::embedded();
    let run = run.source(registry.address()).destination(destination.address());
    within_memory(run).exits(0).sums_up("0 copied, 24 skipped, 0 failed");
}
