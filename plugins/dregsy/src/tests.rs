//! Entries of the documented configuration, and errors with their positions.

use longshore_plugin_sdk::list::{Confidence, Entry, Selection};
use longshore_plugin_sdk::testing::{
    digest, filter, knows_its_own, remarks, survives_mutations, tag,
};

use super::{parse, probe};

const DOCUMENTED: &str = include_str!("../fixtures/documented.yaml");

/// Returns a configuration of one task with these mappings.
fn task(mappings: &str) -> String {
    format!(
        "tasks:\n- source: {{registry: a.io}}\n  target: {{registry: b.io}}\n  mappings:\n{mappings}"
    )
}

#[test]
fn the_documented_configuration_is_read() {
    const SOURCE: &str = "source-registry.example.com";
    const TARGET: &str = "dest-registry.example.com:5000";
    let entry = |path: &str, to: &str, selection, line| {
        Entry::new(format!("{SOURCE}/{path}"), selection, line).to(format!("{TARGET}/{to}"))
    };
    let matching =
        |filter| entry("test/versions", "test/versions", Selection::Matching(filter), 25);
    let kept = filter(&["^v.+$"], &["^.*-rc$"], None);
    let pinned = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        parse("list", DOCUMENTED).entries,
        [
            entry("test/image", "archive/test/image", tag("0.1.0"), 21),
            entry("test/image", "archive/test/image", tag("0.1.1"), 21),
            entry("test/another-image", "test/another-image", Selection::All, 24),
            entry("test/versions", "test/versions", tag("latest"), 25),
            matching(filter(&[], &[], Some(">=1.31.0 <1.31.9 || 2.x"))),
            matching(filter(&[r"^1\.26\.[0-9]-(glibc|uclibc|musl)$"], &[], None)),
            matching(filter(&[], &["^.*-rc.*$"], None)),
            Entry {
                platforms: vec!["linux/arm64".to_owned()],
                ..entry("test/kept", "test/kept", Selection::Matching(kept), 32)
            },
            entry("test/pinned", "test/pinned", digest(pinned, None), 37),
            Entry {
                repositories: Some(filter(&["^myproject/.*$"], &[], None)),
                ..Entry::new(SOURCE, Selection::All, 41).to(format!("{TARGET}/ecr"))
            },
        ]
    );
    assert_eq!(
        remarks(&parse("list", DOCUMENTED)),
        [
            "1:1 `relay` is ignored: longshore needs no relay",
            "2:1 `watch` is ignored: longshore runs once",
            "3:1 `skopeo` is ignored: longshore needs no relay",
            "6:1 `lister` is ignored: catalogs are read in full, once per run",
            "11:5 `interval` is ignored: longshore runs once",
            "15:7 `auth` is ignored: credentials come from docker's or containers' configuration",
            "19:7 `skip-tls-verify` is ignored: use --tls-verify=false for the whole run",
            "27:13 `semver:` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one; dregsy compares them too",
            "36:9 `platform`: the index keeps only this platform, whereas dregsy copies the single manifest",
            "39:13 the destination gets no tag, as only a digest is given",
        ],
    );
}

#[test]
fn malformed_parts_have_positions_and_do_not_affect_others() {
    let text = "tasks:\n- b\n- {name: x, target: {registry: b.io}}\n\
                - source: {auth: x}\n  target: []\n\
                - {source: {registry: a.io}, target: {registry: b.io}}\n";
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "2:3! a task must be a mapping, found a single value",
            "3:3! the task has no `source`",
            "4:11! `source` without `registry`",
            "4:12 `auth` is ignored: credentials come from docker's or containers' configuration",
            "5:11! `target` must be a mapping, found a list",
            "6:3 the task has no `mappings` copies nothing",
        ],
    );
    let text = task(
        "  - to: x\n  - {from: x, to: 'regex:a,b'}\n  - {from: x, tags: [[]], mode: 1}\n  - {from: y}\n",
    );
    assert_eq!(
        parse("list", &text).entries,
        [Entry::new("a.io/y", Selection::All, 8).to("b.io/y")]
    );
    assert_eq!(
        remarks(&parse("list", &text)),
        [
            "5:5! the mapping has no `from`",
            "6:19! `to` rewrites by a regular expression, which a list cannot express: give --rewrite regex",
            "7:22! an item of `tags` must be a string, found a list",
            "7:27 unknown key \"mode\" is ignored",
        ],
    );
}

#[test]
fn what_narrows_and_cannot_be_read_takes_nothing() {
    for (rest, expected) in [
        (
            "tags: ['regex: v.*', keep: .*-musl]",
            "5:36! an item of `tags` must be a string, found a mapping",
        ),
        ("digests: {a: b}", "5:24! `digests` must be a list, found a mapping"),
        ("platform: [linux/amd64]", "5:25! `platform` must be a string, found a list"),
    ] {
        let text = task(&format!("  - {{from: x, {rest}}}\n"));
        let parsed = parse("list", &text);
        assert_eq!(parsed.entries, [], "{text}");
        assert_eq!(remarks(&parsed), [expected], "{text}");
    }
}

#[test]
fn what_the_contract_cannot_say_is_an_error() {
    let text = task("  - from: x\n    tags: ['1.0', 'regex: v.*', 'keep: .*-musl']\n");
    assert_eq!(parse("list", &text).entries, []);
    assert_eq!(
        remarks(&parse("list", &text)),
        [
            "6:12! \"1.0\" beside `keep:` cannot be expressed, put it into a mapping of its own",
            "6:33! a second expression that a tag must match cannot be expressed, write both as one",
        ],
    );
    let text = "tasks:\n- source: {registry: docker.io, lister: {type: index, search: jenkins}}\n  \
                target: {registry: b.io}\n  mappings:\n  - from: regex:jenkins/.*\n  - from: jenkins/x\n";
    assert_eq!(parse("list", text).entries.len(), 1);
    assert_eq!(
        remarks(&parse("list", text)),
        ["5:11! repositories are listed by the registry's catalogue, not by \"index\""],
    );
}

#[test]
fn probing_looks_at_the_shape() {
    for (text, expected) in [
        (DOCUMENTED.to_owned(), Confidence::Certain),
        (task("  - from: a\n"), Confidence::Certain),
        (format!("{}version: 1\n", task("  - from: a\n")), Confidence::Maybe),
        ("tasks:\n- name: x\n".to_owned(), Confidence::No),
        ("version: '3'\ntasks:\n  a: {}\n".to_owned(), Confidence::No),
        (String::new(), Confidence::No),
    ] {
        assert_eq!(probe("list", &text), expected, "{text:?}");
    }
}

#[test]
fn mutated_configurations_never_panic() {
    survives_mutations(&[DOCUMENTED], probe, parse);
}

#[test]
fn the_probe_rejects_fixtures_of_other_formats() {
    knows_its_own("dregsy", probe);
}
