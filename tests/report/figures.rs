//! The figures of `--output json`: where bytes came from, effort by registry, and the timeline.

use longshore_content::{Image, Index};
use serde_json::{Value, json};

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule};

/// Two registries, each behind a proxy.
struct Ends {
    _pair: Pair,
    source: FaultProxy,
    destination: FaultProxy,
}

impl Ends {
    fn new() -> Self {
        let pair = Pair::embedded();
        pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 5000).build());
        let (source, destination) =
            (FaultProxy::before(&pair.source), FaultProxy::before(&pair.destination));
        Self { _pair: pair, source, destination }
    }

    fn mirror(&self) -> Value {
        let run = Longshore::new().mirror().list("team/app team/app 1\n");
        let run = run.source(self.source.address()).destination(self.destination.address());
        run.args(["--output", "json"]).run().exits(0).json()
    }
}

#[test]
fn retries_and_pauses_are_those_of_the_registry_that_caused_them() {
    let throttled = || Answer::error(429, "TOOMANYREQUESTS").header("retry-after", "1");
    let broken = || Answer::error(503, "UNAVAILABLE");
    for (at_source, method, pattern, answer, retries, pauses) in [
        (true, "GET", "*/manifests/*", throttled(), 1, 1),
        (true, "GET", "*/manifests/*", broken(), 1, 0),
        (true, "GET", "*/blobs/*", broken(), 1, 0),
        (false, "PUT", "*/manifests/*", broken(), 1, 0),
        (false, "PUT", "*/manifests/*", throttled(), 1, 1),
    ] {
        let ends = Ends::new();
        let proxy = if at_source { &ends.source } else { &ends.destination };
        proxy.rule(Rule::on(method, pattern).first(1).answers(answer));
        let document = ends.mirror();
        let what = format!("{method} {pattern}: {document:#}");
        let registries = document["registries"].as_array().expect("a list");
        assert_eq!(registries.len(), 1, "{what}");
        assert_eq!(registries[0]["name"], proxy.address(), "{what}");
        assert_eq!(
            (&registries[0]["retries"], &registries[0]["pauses"]),
            (&json!(retries), &json!(pauses)),
            "{what}"
        );
        assert_eq!(document["retries"], retries, "{what}");
        let spans = document["timeline"]["pauses"].as_array().expect("a list");
        assert_eq!(spans.len(), pauses, "{what}");
        let elapsed = document["seconds"].as_f64().expect("a number");
        for span in spans {
            assert_eq!(span["registry"], proxy.address(), "{what}");
            let number = |field: &str| span[field].as_f64().expect("a number");
            assert!(number("seconds") > 0.0, "{what}");
            assert!(number("startSeconds") + number("seconds") <= elapsed + 0.1, "{what}");
        }
    }
}

#[test]
fn a_folder_counts_the_retries_of_its_source() {
    let ends = Ends::new();
    // One request for the configuration, and one for the layer.
    let broken = Answer::error(503, "UNAVAILABLE");
    ends.source.rule(Rule::on("GET", "*/blobs/*").first(2).answers(broken));
    let folder = tempfile::tempdir().expect("a scratch directory can be made");
    let name = format!("oci:{}", folder.path().join("images").display());
    let run = Longshore::new().mirror().list("team/app team/app 1\n").source(ends.source.address());
    let document = run.destination(&name).args(["--output", "json"]).run().exits(0).json();
    assert_eq!(document["registries"][0]["name"], ends.source.address(), "{document:#}");
    assert_eq!(document["retries"], 2, "{document:#}");
}

#[test]
fn each_entry_says_how_its_bytes_arrived() {
    let pair = Pair::embedded();
    let image = |seed| Image::new("linux/amd64").layer(9, 40_000).layer(seed, 1000).build();
    pair.source.push("team/a", "1", &image(1));
    pair.source.push("team/b", "1", &image(2));
    // The destination has the layer of `c` already, without its manifest.
    pair.source.push("team/c", "1", &Image::new("linux/amd64").layer(3, 70_000).build());
    let held = Image::new("linux/amd64").layer(3, 70_000).layer(4, 10).build();
    pair.destination.push("team/c", "0", &held);
    let list = "team/a team/a 1\nteam/b team/b 1\nteam/c team/c 1\n";
    let run = pair.mirror(list).args(["-j", "1", "--output", "json"]).run().exits(0);
    let document = run.json();
    let entry = |at: usize, field: &str| document["entries"][at][field].as_u64().expect("a number");
    assert!(entry(0, "bytes") > 40_000, "the first image moves all: {document:#}");
    let saved =
        |at| entry(at, "mountedBytes") + entry(at, "presentBytes") + entry(at, "sharedBytes");
    assert_eq!(saved(0), 0, "{document:#}");
    assert_eq!(entry(1, "mountedBytes"), 40_000, "{document:#}");
    assert!((1000..40_000).contains(&entry(1, "bytes")), "{document:#}");
    assert!(saved(2) >= 70_000, "{document:#}");
    let slots = document["timeline"]["bytes"].as_array().expect("a list");
    let moved: u64 = slots.iter().map(|bytes| bytes.as_u64().expect("a number")).sum();
    assert!(moved >= 41_000, "the timeline has the bytes of blobs: {document:#}");
}

#[test]
fn a_digest_that_changed_says_why_in_each_run() {
    let pair = Pair::embedded();
    let index = Index::oci().child(&Image::new("linux/amd64").layer(1, 10).build());
    let index = index.child(&Image::new("linux/s390x").layer(2, 10).build()).build();
    pair.source.push("team/app", "1", &index);
    pair.source.push("team/app", "2", &Image::new("linux/amd64").layer(1, 10).build());
    let list = "team/app team/app 1\nteam/app team/app 2\n";
    let keeps = "the platform filter keeps 1 of 2 manifests (arch amd64,arm64, os linux,windows)";
    for (run, status) in [
        (pair.mirror(list).arg("--dry-run"), "dry-run"),
        (pair.mirror(list), "copied"),
        (pair.mirror(list), "skipped"),
        (pair.validate(list), "valid"),
    ] {
        let document = run.args(["--output", "json"]).run().exits(0).json();
        let entries = &document["entries"];
        assert_eq!(entries[0]["status"], status);
        assert_eq!(entries[0]["digestChange"], keeps, "{status}");
        assert_eq!(entries[1]["digestChange"], Value::Null, "{status}");
        assert_ne!(entries[0]["sourceDigest"], entries[0]["destinationDigest"], "{status}");
    }
    let wrapped = pair.mirror("team/app team/wrapped 2\n").args(["--index=oci", "--output=json"]);
    let document = wrapped.run().exits(0).json();
    let why = document["entries"][0]["digestChange"].as_str().expect("it says why");
    assert!(why.starts_with("the image is wrapped in a "), "{why}");
}

#[test]
fn a_failure_has_its_hint_in_each_document() {
    let source = Registry::embedded();
    let list = "team/no team/no 1\n";
    for command in ["mirror", "mirror-validate"] {
        let run = Longshore::new().arg(command).list(list).source(source.address());
        let run = run.destination(source.address()).args(["--destination-project", "other"]);
        let document = run.args(["--output", "json"]).run().exits(1).json();
        let hint = document["entries"][0]["hint"].as_str().expect("a hint");
        assert!(hint.starts_with("check the name and the tag"), "{hint}");
    }
}
