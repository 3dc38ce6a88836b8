//! Entries of the documented configuration, and errors with their positions.

use longshore_plugin_sdk::list::{Attribute, Confidence, Entry, Filter, Selection};
use longshore_plugin_sdk::testing::{
    digest, filter, knows_its_own, remarks, survives_mutations, tag, take_credentials,
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
    let mut parsed = parse("list", DOCUMENTED);
    assert_eq!(
        take_credentials(&mut parsed),
        [r#"15 source-registry.example.com {"username":["alex"],"password":["secret"]}"#]
    );
    assert_eq!(
        parsed.entries,
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
                attributes: vec![Attribute::new("single-manifest", "true")],
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
            "2:1 `watch` is ignored: each run of --every reads the list again",
            "3:1 `skopeo` is ignored: longshore needs no relay",
            "6:1 `lister` is ignored: catalogs are read in full, once per run",
            "11:5 `interval` is ignored: --every 10m repeats a run",
            "19:7 `skip-tls-verify` is ignored: give --insecure-registry with this registry",
            "27:13 `semver:` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one; dregsy compares them too",
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
            "5:11! `target` must be a mapping, found a list",
            "6:3 the task has no `mappings`, so it copies nothing",
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
    assert_eq!(selections("['1.0', 'regex: v.*', 'keep: .*-musl']"), [tag("1.0")]);
    assert_eq!(
        remarks(&parse("list", &text)),
        [
            "6:12 \"1.0\" is named, so it is copied whatever `keep:` says",
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

/// Returns the selections of a mapping with these tags.
fn selections(tags: &str) -> Vec<Selection> {
    let text = task(&format!("  - from: x\n    tags: {tags}\n"));
    parse("list", &text).entries.into_iter().map(|entry| entry.select).collect()
}

#[test]
fn keep_latest_selects_the_highest_versions_and_every_other_tag() {
    const VERSIONS: &str = r"^[vV]?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*)?$";
    let latest = |count, filter| Selection::Matching(Filter { latest: Some(count), ..filter });
    let others = |allow: &[&str], deny: &[&str]| {
        let deny: Vec<&str> = deny.iter().copied().chain([VERSIONS]).collect();
        Selection::Matching(filter(allow, &deny, None))
    };
    let range = || filter(&[], &[], Some(">=1.0.0"));
    for (tags, expected) in [
        ("['semver: >=1.0.0', 'keep: latest 5']", vec![latest(5, range())]),
        ("['keep:latest  2', ' semver: >=1.0.0']", vec![latest(2, range())]),
        (
            "[edge, 'semver: >=1.0.0', 'keep: latest 5', '1.0']",
            vec![tag("edge"), tag("1.0"), latest(5, range())],
        ),
        (
            "['semver: >=1.0.0', 'keep: latest 5', 'keep: v.*']",
            vec![latest(5, filter(&["^v.*$"], &[], Some(">=1.0.0")))],
        ),
        (
            "['semver: >=1.0.0', 'keep: latest 3', 'keep: !.*-rc']",
            vec![latest(3, filter(&[], &["^.*-rc$"], Some(">=1.0.0")))],
        ),
        (
            "['regex: v.*', 'regex: r.*', 'keep: latest 3']",
            vec![
                latest(3, filter(&["^v.*$", "^r.*$"], &[], None)),
                others(&["^v.*$", "^r.*$"], &[]),
            ],
        ),
        (
            "['regex: !.*-rc', 'keep: latest 3']",
            vec![latest(3, filter(&[], &["^.*-rc$"], None)), others(&[], &["^.*-rc$"])],
        ),
        ("'keep: latest 3'", vec![latest(3, Filter::default()), others(&[], &[])]),
        ("['keep: latest 1', 'keep: latest 4', 'semver: >=1.0.0']", vec![latest(4, range())]),
        ("['keep: latest 0', 'semver: >=1.0.0']", vec![Selection::Matching(range())]),
        (
            "['keep: latest', 'semver: >=1.0.0']",
            vec![Selection::Matching(filter(&["^latest$"], &[], Some(">=1.0.0")))],
        ),
        ("['1.0', 'keep: latest 1']", vec![tag("1.0")]),
        ("['keep: latest all', 'semver: >=1.0.0']", vec![]),
    ] {
        assert_eq!(selections(tags), expected, "{tags}");
    }
}

#[test]
fn a_pattern_of_two_entries_is_one_selection() {
    let names = |tags: &str| {
        let text = task(&format!("  - from: x\n    tags: {tags}\n"));
        let entries = parse("list", &text).entries;
        let names = entries.into_iter().map(|entry| match &entry.attributes[..] {
            [] => String::new(),
            [Attribute { key, value }] if key == "joint-selection" => value.clone(),
            other => panic!("{other:?}"),
        });
        names.collect::<Vec<String>>()
    };
    for (tags, expected) in [
        ("['regex: 2.*', 'keep: latest 1']", &["5.1", "5.1"][..]),
        ("'keep: latest 3'", &["5.1", "5.1"]),
        ("['regex: !.*-rc', edge, 'keep: latest 3']", &["", "5.1", "5.1"]),
        (
            "['semver: 1.x', 'regex: v.*', 'regex: !r.*', 'keep: latest 1']",
            &["", "5.2", "5.2", "5.3", "5.3"],
        ),
        ("['semver: 1.x', 'keep: latest 1']", &[""]),
        ("['regex: 2.*', 'regex: 3.*', 'keep: latest 0']", &["", ""]),
    ] {
        assert_eq!(names(tags), expected, "{tags}");
    }
}

#[test]
fn differences_of_keep_latest_are_named() {
    for (tags, expected) in [
        (
            "[edge, '1.0', 'semver: 1.x', 'regex: v.*', 'keep: latest 5']",
            &[
                "6:18 \"1.0\" is named, so it is copied whatever `keep:` says",
                "6:25 `semver:` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one; dregsy compares them too",
                "6:54 `keep: latest 5` counts for each of the 2 patterns, dregsy counts them together",
            ][..],
        ),
        ("['keep: latest two']", &["6:12! `keep: latest two` must have a number"]),
        (
            "['keep: latest 2', 'keep: latest 0']",
            &[
                "6:30 this `keep: latest` replaces the one before, as in dregsy",
                "6:30 `keep: latest 0` keeps every tag, as in dregsy",
            ],
        ),
    ] {
        let text = task(&format!("  - from: x\n    tags: {tags}\n"));
        assert_eq!(remarks(&parse("list", &text)), expected, "{tags}");
    }
}

#[test]
fn tags_may_be_digests_numbers_and_empty() {
    assert_eq!(
        selections("['sha256:00', 'v1@sha256:01', 'sha512:02', 1.10, ~, '']"),
        [
            digest("sha256:00", None),
            digest("sha256:01", Some("v1")),
            digest("sha512:02", None),
            tag("1.10"),
        ]
    );
    assert_eq!(selections("[sha256:00, 'keep: latest 1']"), [digest("sha256:00", None)]);
    assert_eq!(selections("[~]"), []);
    let text = task("  - from: x\n    tags: [1.10, ~, sha256:00]\n");
    assert_eq!(
        remarks(&parse("list", &text)),
        [
            "6:12 a tag is the number 1.10, which is read as text: quote it",
            "6:18 an item of `tags` is empty, so it selects nothing",
            "6:21 the destination gets no tag, as only a digest is given",
        ]
    );
}

#[test]
fn an_ipv6_address_is_a_registry() {
    let text = "tasks:\n- source: {registry: '[::1]:5000'}\n  target: {registry: '[2001:db8::1]'}\n  mappings:\n  - from: a/b\n";
    let entry = Entry::new("[::1]:5000/a/b", Selection::All, 5).to("[2001:db8::1]/a/b");
    assert_eq!(parse("list", text).entries, [entry]);
    assert_eq!(probe("list", text), Confidence::Certain);
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
fn an_empty_configuration_says_why() {
    for (text, said) in [
        ("tasks:\n", "1:1 there is nothing under `tasks`"),
        ("tasks: []\n", "1:1 there is nothing under `tasks`"),
        ("x-a: b\n", "1:1 there are no `tasks`"),
    ] {
        assert_eq!(remarks(&parse("list", text)), [said], "{text}");
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

#[test]
fn credentials_are_read_and_not_shown() {
    let of = |auth: &str| {
        let text = task("  - {from: x}\n").replacen(
            "registry: b.io",
            &format!("registry: b.io, auth: {auth}"),
            1,
        );
        let mut parsed = parse("list", &text);
        let found = take_credentials(&mut parsed);
        assert_eq!(parsed.entries.len(), 1, "{text}");
        (found, remarks(&parsed))
    };
    // {"username": "alex", "password": "secret"}
    let (found, said) = of("eyJ1c2VybmFtZSI6ICJhbGV4IiwgInBhc3N3b3JkIjogInNlY3JldCJ9Cg==");
    assert!(
        found[0].ends_with(r#" b.io {"username":["alex"],"password":["secret"]}"#),
        "{found:?}"
    );
    assert_eq!(said, [""; 0]);
    assert_eq!(of("none"), (vec![], vec![]));
    // `s3cret`, `"s3cret"` and {"username": "s3cret"}
    for auth in ["s3cret", "czNjcmV0", "InMzY3JldCI=", "eyJ1c2VybmFtZSI6InMzY3JldCJ9", "[s3cret]"] {
        let (found, said) = of(auth);
        assert_eq!(found, [""; 0], "{auth}");
        let [said] = &said[..] else { panic!("{auth}: {said:?}") };
        assert!(said.ends_with("is not used") && !said.contains("s3cret"), "{said}");
    }
}
