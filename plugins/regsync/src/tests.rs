//! Entries of the documented configuration, and errors with their positions.

use longshore_plugin_sdk::diagnostic::Severity;
use longshore_plugin_sdk::list::{
    Attribute, Confidence, Entry, ListFormat as _, Parsed, Selection,
};
use longshore_plugin_sdk::testing::{
    digest, filter, knows_its_own, remarks, survives_mutations, tag, take_credentials,
};

use super::{Regsync, parse, probe};

const DOCUMENTED: &str = include_str!("../fixtures/documented.yml");

#[test]
fn the_documented_configuration_is_read() {
    let mut parsed = parse("list", DOCUMENTED);
    assert_eq!(
        take_credentials(&mut parsed),
        [
            r#"4 registry.example.org {"username":["syncuser"],"password":[{"file":"/var/run/secrets/token"}]}"#
        ]
    );
    let Parsed { entries, .. } = parsed;
    let platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
    let ranged = |selection| Entry {
        platforms: platforms.clone(),
        ..Entry::new("alpine", Selection::Matching(selection), 24)
            .to("registry.example.org/ranges/alpine")
    };
    let pinned = "sha256:2e024d7fe67394cef7f0df9c303f288c7420d1fb27f7657398e897b7eb2ee1d8";
    assert_eq!(
        entries,
        [
            Entry::new("busybox", tag("latest"), 12).to("registry.example.org/library/busybox"),
            Entry::new(
                "alpine",
                Selection::Matching(filter(&["^latest$", r"^3\.\d+$"], &[r"^3\.0$"], None)),
                15,
            )
            .to("registry.example.org/library/alpine"),
            ranged(filter(&["^edge$"], &[], None)),
            ranged(filter(&[r"^v\d+\.\d+\.\d+$"], &[], Some(">=3.5.1 <4.0 || ^5"))),
            Entry {
                destination_tag: Some("latest".to_owned()),
                ..Entry::new("ghcr.io/regclient/regctl", digest(pinned, Some("v0.8")), 37,)
                    .to("registry.example.org/regclient/regctl")
            },
            Entry {
                repositories: Some(filter(&["^team/.*$"], &["^team/old$"], None)),
                ..Entry::new("localreg:5000", Selection::All, 41).to("localcopy:5000")
            },
            Entry {
                destination_tag: Some("stable".to_owned()),
                platforms: vec!["linux/amd64".to_owned()],
                attributes: vec![Attribute::new("single-manifest", "true")],
                ..Entry::new("localreg:5000/tools/jq", tag("1.7"), 47).to("localcopy:5000/jq")
            },
        ]
    );
    assert_eq!(
        remarks(&parse("list", DOCUMENTED)),
        [
            "8:3 `interval` is ignored: --every 10m repeats a run",
            "9:3 `parallel` is ignored: -j sets how much is done at a time",
            "30:9 `semverRange` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one, and takes a bare version such as 7.2 for every 7.2.x; regsync does neither",
            "34:5 `platforms`: the index keeps only these platforms, whereas regsync leaves it unchanged",
            "40:5 `schedule` is ignored: --every 10m repeats a run",
        ],
    );
}

#[test]
fn a_target_without_a_tag_is_latest_as_in_regsync() {
    let of = |source: &str, target: &str| {
        let text = format!("sync: [{{source: '{source}', target: '{target}', type: image}}]");
        let [entry] = &parse("list", &text).entries[..] else { panic!("{text}") };
        entry.destination_tag.clone()
    };
    assert_eq!(of("a:1", "h:5000/b").as_deref(), Some("latest"));
    assert_eq!(of("a", "h:5000/b"), None);
    assert_eq!(of("a:1", "h:5000/b:1"), None);
    assert_eq!(of("a:1", "h:5000/b:2").as_deref(), Some("2"));
    assert_eq!(of("a@sha256:0", "h:5000/b@sha256:0"), None);
}

#[test]
fn malformed_items_have_positions_and_do_not_affect_others() {
    let text = "version: 2\nsync:\n- source: a\n  type: image\n- b\n- {source: a, target: b, type: tag}\n\
                - source: ocidir://a\n  target: '{{ .Sync.Source }}'\n  type: image\n\
                - source: a:1\n  target: b@sha256:1\n  type: image\n\
                - source: c\n  target: d\n  type: image\n";
    assert_eq!(parse("list", text).entries.len(), 1);
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "1:10! the version must be 1, no other is supported",
            "3:3! `target` is missing",
            "5:3! an item of `sync` must be a mapping, found a single value",
            "6:32! the type must be image, repository or registry, found \"tag\"",
            "7:11! `source` is \"ocidir://a\": a list cannot name an image layout; -s oci:DIR and -d oci:DIR do",
            "11:11! the target has a digest that the source does not have",
        ],
    );
}

#[test]
fn what_says_nothing_or_is_unknown_is_a_warning() {
    let text = "sync:\n- source: a:1\n  target: b\n  type: repository\n  repos: {allow: [x]}\n  tag: {}\n  tags:\n    latest: 3\nextra: 1\n";
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "2:11 the tag or digest of `source` has no effect for a repository",
            "5:3 `repos` has no effect for type repository",
            "6:3 unknown key \"tag\" is ignored",
            "8:5 unknown key \"latest\" is ignored",
            "9:1 unknown key \"extra\" is ignored",
        ],
    );
}

#[test]
fn what_narrows_and_cannot_be_read_takes_nothing() {
    for (rest, expected) in [
        (
            "type: repository, tags: {allow: [[x]]}",
            "1:74! an item of `allow` must be a string, found a list",
        ),
        ("type: repository, tags: {deny: {x: y}}", "1:72! `deny` must be a list, found a mapping"),
        (
            "type: repository, tags: {semverRange: [a, [~]]}",
            "1:83! an item of `semverRange` must be a string, found a list",
        ),
        ("type: registry, repos: x", "1:64! `repos` must be a mapping, found a single value"),
        (
            "type: registry, repos: {allow: [{}]}",
            "1:73! an item of `allow` must be a string, found a mapping",
        ),
        ("type: image, platform: [{}]", "1:64! `platform` must be a string, found a list"),
    ] {
        let text = format!("sync: [{{source: a.io/b, target: c.io/d, {rest}}}]");
        let parsed = parse("list", &text);
        assert_eq!(parsed.entries, [], "{text}");
        assert_eq!(remarks(&parsed), [expected], "{text}");
    }
    let sets =
        "sync: [{source: a, target: b, type: repository, tagSets: [{allow: [[]]}, {allow: x}]}]";
    let [Entry { select: selection, .. }] = &parse("list", sets).entries[..] else {
        panic!("{sets}")
    };
    assert_eq!(*selection, Selection::Matching(filter(&["^x$"], &[], None)));
}

#[test]
fn empty_items_lose_nothing_else() {
    for (tags, selected, said) in [
        ("{allow: [a, ~]}", Some(filter(&["^a$"], &[], None)), &["an item of `allow`"][..]),
        ("{allow: ['', a]}", Some(filter(&["^a$"], &[], None)), &["an item of `allow`"]),
        ("{deny: [~]}", Some(filter(&[], &[], None)), &["an item of `deny`"]),
        ("{semverRange: [a, ~]}", Some(filter(&[], &[], Some("a"))), &["an item", "`semverRange`"]),
        ("{allow: [~]}", None, &["an item", "`allow` has only empty items"]),
    ] {
        let text =
            format!("sync: [{{source: a.io/b, target: c/d, type: repository, tags: {tags}}}]");
        let parsed = parse("list", &text);
        let found: Vec<_> = parsed.entries.iter().map(|entry| entry.select.clone()).collect();
        let selected: Vec<_> = selected.map(Selection::Matching).into_iter().collect();
        assert_eq!(found, selected, "{tags}");
        for said in said {
            let remarks = remarks(&parsed);
            assert!(remarks.iter().any(|remark| remark.contains(said)), "{tags}: {remarks:?}");
        }
    }
    let text =
        "sync: [{source: a.io/b:1, target: c/d:1, type: image, platforms: [linux/amd64, ~]}]";
    assert_eq!(parse("list", text).entries[0].platforms, ["linux/amd64"]);
}

#[test]
fn a_platform_is_copied_without_its_index() {
    for (rest, platforms, is_one, said) in [
        ("type: image, platform: linux/arm64", &["linux/arm64"][..], true, 0),
        ("type: repository, platform: linux/arm/v7", &["linux/arm/v7"], true, 0),
        ("type: registry, platform: windows/amd64", &["windows/amd64"], true, 0),
        ("type: image, platform: linux/arm64, platforms: [a/b]", &["linux/arm64"], true, 1),
        ("type: image, platform: ''", &[], false, 0),
        ("type: image, platforms: [linux/arm64]", &["linux/arm64"], false, 1),
    ] {
        let text = format!("sync: [{{source: a.io/b, target: c.io/d, {rest}}}]");
        let parsed = parse("list", &text);
        let [entry] = &parsed.entries[..] else { panic!("{text}") };
        assert_eq!(entry.platforms, platforms, "{rest}");
        let attributes = [Attribute::new("single-manifest", "true")];
        assert_eq!(entry.attributes, attributes[..usize::from(is_one)], "{rest}");
        assert_eq!(remarks(&parsed).len(), said, "{rest}: {:?}", remarks(&parsed));
    }
}

#[test]
fn numbers_without_quotes_are_taken_with_a_warning() {
    let text = "sync:\n- source: a.io/b\n  target: c/d\n  type: repository\n  tags:\n    \
                allow: [1.10, '1.20', 1.2.3]\n    deny: 7\n";
    let parsed = parse("list", text);
    let expected = filter(&["^1.10$", "^1.20$", "^1.2.3$"], &["^7$"], None);
    assert_eq!(parsed.entries[0].select, Selection::Matching(expected));
    assert_eq!(
        remarks(&parsed),
        [
            "6:13 an item of `allow` is the number 1.10, which is read as text: quote it",
            "7:11 `deny` is the number 7, which is read as text: quote it",
        ]
    );
}

#[test]
fn templates_are_expanded_from_the_item_and_the_variables() {
    let text = "x-hub: &hub\n  target: '{{ env \"REG\" }}/hub/{{ .Sync.Source }}'\nsync:\n\
                - <<: *hub\n  source: alpine\n  type: repository\n\
                - <<: *hub\n  source: '{{ env \"FROM\" | default \"docker.io\" }}/a/b:1'\n  type: image\n\
                - source: '[::1]:5000/a/b:1'\n  target: '[::1]:5001/{{ .Sync.Type }}/b:1'\n  type: image\n\
                - source: '{{ file \"x\" }}/a'\n  target: '{{ .Sync.Source }}'\n  type: image\n\
                - source: gcr.io/c/d\n  target: r.io/{{ index (split .Sync.Source \"gcr.io/\") 1 }}\n  type: repository\n";
    let regsync = Regsync::from_config(r#"{"variables":{"REG":"r.io:5000"}}"#).expect("variables");
    let parsed = regsync.parse("list", text);
    assert_eq!(
        parsed.entries,
        [
            Entry::new("alpine", Selection::All, 4).to("r.io:5000/hub/alpine"),
            Entry::new("docker.io/a/b", tag("1"), 7).to("r.io:5000/hub/docker.io/a/b"),
            Entry::new("[::1]:5000/a/b", tag("1"), 10).to("[::1]:5001/image/b"),
            Entry::new("gcr.io/c/d", Selection::All, 16).to("r.io/c/d"),
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "8:11 the variable `FROM` is not set: its default is used",
            "13:11! `source` is \"{{ file \\\"x\\\" }}/a\": the template uses `file`, which is not supported: write it out",
        ]
    );
    let [first, ..] = &remarks(&parse("list", text))[..] else { panic!("remarks") };
    assert!(
        first.ends_with(
            "the variable `REG` is not set; --plugin-config regsync.variables=@FILE sets it"
        ),
        "{first}"
    );
    assert!(Regsync::from_config(r#"{"variable":""}"#).is_err());
}

/// Returns the credentials of `creds`, and the remarks on them.
fn credentials(creds: &str) -> (Vec<String>, Vec<String>) {
    let variables = r#"{"variables": "USER=jo\nREG=v.io:5000"}"#;
    let regsync = Regsync::from_config(variables).expect("variables");
    let text = format!("creds:\n{creds}sync: [{{source: a, target: b, type: image}}]\n");
    let mut parsed = regsync.parse("list", &text);
    let credentials = take_credentials(&mut parsed);
    assert_eq!(parsed.entries.len(), 1, "{text}");
    (credentials, remarks(&parsed))
}

#[test]
fn credentials_go_to_the_host_with_what_only_it_can_expand() {
    for (creds, expected) in [
        ("{user: jo, pass: 'p$1'}", r#"{"username":["jo"],"password":["p$1"]}"#),
        ("{user: '{{env \"USER\"}}', pass: x}", r#"{"username":["jo"],"password":["x"]}"#),
        (
            "{user: jo, pass: 'a{{ env \"P\" }}b'}",
            r#"{"username":["jo"],"password":["a",{"variable":"P"},"b"]}"#,
        ),
        (
            "{user: jo, pass: '{{ env \"P\" | default \"d\" }}'}",
            r#"{"username":["jo"],"password":[{"variable":"P","default":"d"}]}"#,
        ),
        (
            "{user: jo, pass: '{{file `/run/p`}}'}",
            r#"{"username":["jo"],"password":[{"file":"/run/p"}]}"#,
        ),
        ("{pass: x}", r#"{"username":[""],"password":["x"]}"#),
        ("{token: '{{t'}", r#"{"token":["{{t"]}"#),
        ("{credHelper: docker-credential-ecr-login}", r#"{"helper":"ecr-login"}"#),
        ("{credHelper: docker-credential-x, credHost: h.io}", r#"{"helper":"x","host":"h.io"}"#),
    ] {
        let creds = creds.replacen('{', "{registry: a.io, ", 1);
        let (found, remarks) = credentials(&format!("- {creds}\n"));
        assert_eq!(found, [format!("2 a.io {expected}")], "{creds}");
        assert_eq!(remarks, [""; 0], "{creds}");
    }
    let (found, _) = credentials("- {registry: '{{env \"REG\"}}', user: a, pass: b}\n");
    assert!(found[0].starts_with("2 v.io:5000 "), "{found:?}");
    let (found, _) = credentials("- {registry: a.io, reqConcurrent: 3}\n");
    assert_eq!(found, [""; 0], "it is no login");
}

#[test]
fn a_credential_that_cannot_be_read_is_named_and_not_shown() {
    for (creds, message) in [
        ("{registry: a.io, user: u, pass: 's3cret{{ x }}'}", "`pass`: its template"),
        ("{registry: a.io, user: u, pass: '{{ s3cret'}", "`pass`: its template"),
        ("{registry: a.io, user: u, pass: '{{ env \"s3cret\" | lower }}'}", "`pass`: its template"),
        ("{registry: a.io, user: u, pass: [s3cret]}", "`pass`: it is not a text"),
        ("{user: u, pass: s3cret}", "no `registry`"),
        ("{registry: '{{ env \"NO\" }}', pass: s3cret}", "the variable `NO` is not set"),
        ("{registry: a.io, credHelper: s3cret}", "must be docker-credential-NAME"),
        ("{registry: a.io, credHelper: docker-credential-}", "must be docker-credential-NAME"),
    ] {
        let (found, remarks) = credentials(&format!("- {creds}\n"));
        assert_eq!(found, [""; 0], "{creds}");
        let [remark] = &remarks[..] else { panic!("{creds}: {remarks:?}") };
        assert!(remark.contains(message) && !remark.contains("s3cret"), "{creds}: {remark}");
    }
}

#[test]
fn ignored_registry_settings_get_a_warning_with_their_position() {
    let text = "creds:\n- {registry: a.io, user: x, tls: enabled, mirrors: []}\n- registry: b.io\n  \
                hostname: c.io\n  mirrors: [d.io]\n  pathPrefix: hub\n  tls: disabled\n";
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "1:1 there is no `sync`",
            "4:3 `hostname` is ignored: requests go to the registry that the image references name",
            "5:3 `mirrors` is ignored: mirrors are not used",
            "6:3 `pathPrefix` is ignored: images are fetched from the path of their source",
            "7:3 `tls` is ignored: give --insecure-registry with this registry",
        ]
    );
}

#[test]
fn referrer_settings_of_items_are_ignored_in_favour_of_flags() {
    let text = "sync:\n- source: a\n  target: b\n  type: repository\n  referrers: true\n  digestTags: false\n  fastCopy: true\n  fastCheck: true\n";
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "5:3 `referrers` is ignored: --referrers decides for the whole run whether they are copied",
            "7:3 `fastCopy` is ignored: --force-recursive decides for the whole run whether existing content is checked",
            "8:3 `fastCheck` is ignored: --force-recursive decides for the whole run whether existing content is checked",
        ]
    );
}

#[test]
fn broken_yaml_gives_no_entries() {
    let text = "sync:\n  - source: a\n    target: b\n    type: repository\n    tags:\n      \
                allow: [x]\n      deny: [y\n";
    assert_eq!(probe("list", text), Confidence::Maybe);
    let Parsed { entries, diagnostics } = parse("list", text);
    assert_eq!(entries, [], "the tags that are denied are not known");
    let [syntax] = &diagnostics[..] else { panic!("{diagnostics:?}") };
    assert_eq!((syntax.severity, syntax.line), (Severity::Error, 7), "{syntax:?}");
    assert!(syntax.message.starts_with("this is not valid YAML or JSON: "), "{syntax:?}");
}

#[test]
fn probing_looks_at_the_shape() {
    for (text, expected) in [
        (DOCUMENTED, Confidence::Certain),
        ("sync: [{source: a, target: b, type: image}]", Confidence::Certain),
        ("sync: [{source: a, target: b}]", Confidence::Maybe),
        ("sync: [{source: a, target: b, type: image}]\nother: 1\n", Confidence::Maybe),
        ("sync: []\n", Confidence::No),
        ("sync: yes\n", Confidence::No),
        ("a b 1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", text), expected, "{text:?}");
    }
}

#[test]
fn an_empty_configuration_says_why() {
    for (text, said) in [
        ("sync:\n", "1:1 there is nothing under `sync`"),
        ("sync: []\n", "1:1 there is nothing under `sync`"),
        ("version: 1\n", "1:1 there is no `sync`"),
        ("sync: {}\nx-a: 1\n", "1:1 there is nothing under `sync`"),
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
    knows_its_own("regsync", probe);
}
