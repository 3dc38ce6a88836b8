//! The requests of a validation, and the permissions that it needs.

use longshore_content::{Content, Image, Index};

use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run, Seen};

const LIST: &str = "team/app team/app 1\n";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 100).build()
}

/// Two registries, each behind a counting proxy.
struct Ends {
    source: Registry,
    destination: Registry,
    at_source: FaultProxy,
    at_destination: FaultProxy,
}

impl Ends {
    fn new() -> Self {
        let (source, destination) = (Registry::embedded(), Registry::embedded());
        let (at_source, at_destination) =
            (FaultProxy::before(&source), FaultProxy::before(&destination));
        Self { source, destination, at_source, at_destination }
    }

    fn push(&self, tag: &str, content: &Content) {
        self.source.push("team/app", tag, content);
        self.destination.push("team/app", tag, content);
    }

    fn validate(&self, list: &str, arguments: &[&str]) -> Run {
        self.at_source.forget();
        self.at_destination.forget();
        let run = Longshore::new().validate().list(list).args(arguments);
        run.source(self.at_source.address()).destination(self.at_destination.address()).run()
    }

    /// Checks the requests to the source and to the destination.
    #[track_caller]
    fn asked(&self, source: &str, destination: &str) {
        assert_eq!(self.at_source.tally(), source, "at the source");
        assert_eq!(self.at_destination.tally(), destination, "at the destination");
    }
}

#[test]
fn an_index_costs_one_request_for_each_thing_that_it_needs() {
    let ends = Ends::new();
    let (amd, arm) = (image("linux/amd64", 1), image("linux/arm64", 2));
    let index = Index::oci().child(&amd).child(&arm).build();
    ends.push("1", &index);
    ends.validate(LIST, &[]).exits(0);
    // Fetches no manifest from the source, where it may count against a pull limit.
    let complete = "GET manifest by digest 3, HEAD blob 4, HEAD manifest by tag 1";
    ends.asked("HEAD manifest by tag 1", complete);
    ends.validate(&format!("team/app team/app 1@{}\n", index.digest()), &[]).exits(0);
    ends.asked("", complete);
    // With a filter the other child is skipped.
    ends.validate(LIST, &["-a", "arm64"]).exits(0);
    ends.asked(
        "HEAD manifest by tag 1",
        "GET manifest by digest 2, HEAD blob 2, HEAD manifest by tag 1",
    );
    ends.validate(LIST, &["--deep"]).exits(0);
    ends.asked(
        "HEAD manifest by tag 1",
        "GET blob 4, GET manifest by digest 3, HEAD manifest by tag 1",
    );
}

#[test]
fn content_shared_by_several_tags_is_checked_once() {
    let ends = Ends::new();
    let index = Index::oci().child(&image("linux/amd64", 1)).build();
    let mut list = String::new();
    for tag in ["1", "2", "3"] {
        ends.push(tag, &index);
        list.push_str(&format!("team/app team/app {tag}\n"));
    }
    ends.validate(&list, &["-j", "3"]).exits(0);
    ends.asked(
        "HEAD manifest by tag 3",
        "GET manifest by digest 4, HEAD blob 2, HEAD manifest by tag 3",
    );
}

#[test]
fn a_wrapped_image_needs_a_head_only() {
    let ends = Ends::new();
    let amd = image("linux/amd64", 1);
    ends.source.push("team/app", "1", &amd);
    let run = Longshore::new().mirror().list(LIST).args(["--index", "docker"]);
    run.source(ends.source.address()).destination(ends.destination.address()).run().exits(0);
    ends.validate(LIST, &["--index", "docker"]).exits(0);
    ends.asked(
        "GET blob 1, GET manifest by tag 1, HEAD manifest by tag 1",
        "HEAD blob 2, HEAD manifest by digest 1, HEAD manifest by tag 1",
    );
}

#[test]
fn missing_content_costs_two_heads() {
    let ends = Ends::new();
    ends.source.push("team/app", "1", &image("linux/amd64", 1));
    ends.validate(LIST, &["-a", "all", "--os", "all"]).exits(1);
    ends.asked("HEAD manifest by tag 1", "HEAD manifest by tag 1");
}

#[test]
fn a_refused_blob_head_falls_back_to_a_range_request() {
    let ends = Ends::new();
    let amd = Image::new("linux/amd64").layer(1, 100).layer(2, 0).build();
    ends.push("1", &amd);
    let refuses = || Rule::on("HEAD", "*/blobs/*").answers(Answer::status(401));
    ends.at_destination.rule(refuses());
    ends.validate(LIST, &[]).exits(0);
    let ranges = ends.at_destination.matching("GET", "*/blobs/*");
    assert_eq!(ranges.len(), 3);
    assert!(ranges.iter().all(|request| request.header("range") == Some("bytes=0-0")));

    ends.at_destination.clear_rules();
    ends.at_destination.rule(refuses());
    ends.at_destination.rule(Rule::on("GET", "*/blobs/*").answers(Answer::status(404)));
    let run = ends.validate(LIST, &[]).exits(1);
    run.complains(&format!("destination lacks blob {}", amd.blobs()[1].digest()));
}

#[test]
fn validation_requests_only_pull_scopes() {
    let ends = Ends::new();
    ends.push("1", &image("linux/amd64", 1));
    ends.destination.push("team/app", "1", &image("linux/amd64", 2));
    for proxy in [&ends.at_source, &ends.at_destination] {
        let realm = format!("Bearer realm=\"http://{}/token\",service=\"s\"", proxy.address());
        proxy.rule(Rule::on("GET", "/token").answers(Answer::status(200).body(r#"{"token":"t"}"#)));
        proxy.rule(Rule::on("*", "/v2/*").answers_by(move |seen: &Seen| {
            let challenge = Answer::error(401, "UNAUTHORIZED").header("www-authenticate", &realm);
            seen.authorization().is_none().then_some(challenge)
        }));
    }
    ends.validate(LIST, &[]).exits(1);
    for proxy in [&ends.at_source, &ends.at_destination] {
        let tokens = proxy.matching("GET", "/token");
        assert!(!tokens.is_empty(), "no token request");
        for token in tokens {
            assert_eq!(token.parameters("scope"), ["repository:team/app:pull"]);
        }
    }
}
