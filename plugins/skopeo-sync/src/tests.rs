//! Entries of the documented file, and errors with their positions.

use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};
use longshore_plugin_sdk::testing::{
    digest, filter, knows_its_own, remarks, survives_mutations, tag, take_credentials,
};

use super::{UNLIKE_SKOPEO, parse, probe};

const DOCUMENTED: &str = include_str!("../fixtures/documented.yml");

/// Returns the remarks besides the one that every file with images gets.
fn others(parsed: &Parsed) -> Vec<String> {
    let mut remarks = remarks(parsed);
    remarks.retain(|remark| !remark.ends_with(UNLIKE_SKOPEO));
    remarks
}

#[test]
fn the_documented_file_is_read() {
    let pinned = "sha256:0000000000000000000000000000000011111111111111111111111111111111";
    let matching = |allow: &[&str], versions| Selection::Matching(filter(allow, &[], versions));
    let mut parsed = parse("list", DOCUMENTED);
    assert_eq!(
        take_credentials(&mut parsed),
        [r#"12 registry.example.com {"username":["john"],"password":["this is a secret"]}"#]
    );
    assert_eq!(
        parsed.entries,
        [
            Entry::new("registry.example.com/busybox", Selection::All, 3),
            Entry::new("registry.example.com/redis", tag("1.0"), 5),
            Entry::new("registry.example.com/redis", tag("2.0"), 6),
            Entry::new("registry.example.com/redis", digest(pinned, None), 7,),
            Entry::new(
                "registry.example.com/nginx",
                matching(&[r"^1\.13\.[12]-alpine-perl$"], None),
                9,
            ),
            Entry::new("registry.example.com/alpine", matching(&[], Some(">= 3.12.0")), 11),
            Entry::new("quay.io/coreos/etcd", tag("latest"), 21),
        ]
    );
    assert_eq!(
        others(&parse("list", DOCUMENTED)),
        [
            "7:15 the destination gets no tag, as only a digest is given",
            "16:5 `cert-dir` is ignored: certificates come from certs.d directories and SSL_CERT_FILE",
            "18:5 `tls-verify: false` is ignored: give --insecure-registry with this registry",
        ],
    );
}

#[test]
fn malformed_parts_have_positions_and_do_not_affect_others() {
    let text = "a.io:\n  images:\n    x: 1.0\n    y: [{a: b}, '1']\n    z:1: []\n    w:\n  \
                images-by-semver: [b]\n  tls-verify: perhaps\n  imges: {}\nb.io: []\n";
    let found = parse("list", text).entries;
    assert_eq!(
        found,
        [
            Entry::new("a.io/x", tag("1.0"), 3),
            Entry::new("a.io/y", tag("1"), 4),
            Entry::new("a.io/w", Selection::All, 6),
        ]
    );
    assert_eq!(
        others(&parse("list", text)),
        [
            "3:8 one tag is read as a list of one, which skopeo requires",
            "4:9! a tag must be a string, found a mapping",
            "5:5! \"z:1\" must be a repository without tag and digest",
            "7:21! `images-by-semver` must be a mapping, found a list",
            "8:15! `tls-verify` must be true or false",
            "9:3 unknown key \"imges\" is ignored",
            "10:7! a registry must be a mapping, found a list",
        ],
    );
}

#[test]
fn a_registry_without_images_gets_a_warning() {
    let text = "a.io: {tls-verify: true}\nb.io: {images: {}}\nc.io: {images: {x: []}}\n";
    let parsed = parse("list", text);
    assert_eq!(parsed.entries, [Entry::new("c.io/x", Selection::All, 3)]);
    assert_eq!(
        others(&parsed),
        ["1:1 no images of `a.io` are named", "2:1 no images of `b.io` are named"]
    );
}

#[test]
fn an_empty_file_says_why() {
    assert_eq!(others(&parse("list", "{}\n")), ["1:1 no registry is named"]);
}

#[test]
fn an_ipv6_address_is_a_registry() {
    let text = "'[::1]:5000':\n  images:\n    a/b: ['1']\n'[2001:db8::1]':\n  images: {c: []}\n";
    assert_eq!(
        parse("list", text).entries,
        [
            Entry::new("[::1]:5000/a/b", tag("1"), 3),
            Entry::new("[2001:db8::1]/c", Selection::All, 5),
        ]
    );
    assert_eq!(probe("list", text), Confidence::Certain);
}

#[test]
fn tags_may_be_numbers_and_empty() {
    let text = "a.io:\n  images:\n    x: [1.10, ~, '']\n    y: 1.20\n    z: latest\n    w: ''\n";
    assert_eq!(
        parse("list", text).entries,
        [
            Entry::new("a.io/x", tag("1.10"), 3),
            Entry::new("a.io/y", tag("1.20"), 4),
            Entry::new("a.io/z", tag("latest"), 5),
        ]
    );
    assert_eq!(
        others(&parse("list", text)),
        [
            "3:15 a tag is empty, so it selects nothing",
            "3:18 a tag is empty, so it selects nothing",
            "4:8 one tag is read as a list of one, which skopeo requires",
            "5:8 one tag is read as a list of one, which skopeo requires",
            "6:8! the tags of an image must be a list, found an empty string",
        ]
    );
    assert_eq!(parse("list", "a.io: {images: {x: [~]}}").entries, []);
}

#[test]
fn no_secret_is_repeated() {
    let shown = format!("{:?}", parse("list", DOCUMENTED).diagnostics);
    assert!(!shown.contains("john/") && !shown.contains("this is a secret"), "{shown}");
}

#[test]
fn probing_looks_at_the_shape() {
    for (text, expected) in [
        (DOCUMENTED, Confidence::Certain),
        ("quay.io:\n  images:\n    a: []\n", Confidence::Certain),
        ("quay.io:\n  images:\n    a: []\nx.io: 1\n", Confidence::Maybe),
        ("quay.io:\n  images:\n    a: []\n  other: 1\n", Confidence::No),
        ("images:\n  a/b/c: d/e/f\n", Confidence::No),
        ("spec:\n  images:\n  - name: a\n", Confidence::No),
        ("a b 1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", text), expected, "{text:?}");
    }
}

#[test]
fn mutated_files_never_panic() {
    survives_mutations(&[DOCUMENTED], probe, parse);
}

#[test]
fn the_probe_rejects_fixtures_of_other_formats() {
    knows_its_own("skopeo-sync", probe);
}

#[test]
fn credentials_need_a_name_and_a_password() {
    let of = |credentials: &str| {
        let mut parsed = parse("list", &format!("a.io/x:\n  images: {{b: []}}\n{credentials}"));
        (take_credentials(&mut parsed), others(&parsed))
    };
    let (found, said) = of("  credentials: {username: u, password: '1'}\n");
    assert_eq!(found, [r#"3 a.io/x {"username":["u"],"password":["1"]}"#]);
    assert_eq!(said, [""; 0]);
    for credentials in ["{username: s3cret}", "{password: s3cret}", "s3cret", "[s3cret]"] {
        let (found, said) = of(&format!("  credentials: {credentials}\n"));
        assert_eq!(found, [""; 0], "{credentials}");
        let expected = "3:3 `credentials` needs a `username` and a `password`: it is not used";
        assert_eq!(said, [expected], "{credentials}");
    }
    assert_eq!(of("  credentials:\n"), (vec![], vec![]), "an empty value is none");
}

#[test]
fn what_skopeo_does_otherwise_is_said_once() {
    for (text, line) in [
        ("a.io:\n  images:\n    team/x: ['1', '2']\n    y: []\n", Some(3)),
        (
            "a.io:\n  credentials: {username: u, password: p}\n  images-by-semver: {x: '>1'}\n",
            Some(3),
        ),
        ("a.io: {images-by-tag-regex: {x: y}}\n", Some(1)),
        ("a.io:\n  credentials: {username: u, password: p}\n  images: {}\n", None),
    ] {
        let all = remarks(&parse("list", text));
        let found: Vec<_> = all.iter().filter(|remark| remark.contains("--scoped")).collect();
        let expected: Vec<_> =
            line.map(|line| format!("{line}:0 {UNLIKE_SKOPEO}")).into_iter().collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>(), "{text}");
    }
}
