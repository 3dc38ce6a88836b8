//! Entries of the documented rules, and errors with their positions.

use longshore_plugin_sdk::list::{Confidence, Entry, Selection};
use longshore_plugin_sdk::testing::{
    digest, filter, knows_its_own, remarks, survives_mutations, tag, take_credentials,
};

use super::{parse, probe};

const YAML: &str = include_str!("../fixtures/images.yaml");
const JSON: &str = include_str!("../fixtures/images.json");
const OLDER: &str = include_str!("../fixtures/config.yaml");

const SOURCE: &str = "quay.io/coreos/kube-rbac-proxy";
const TARGET: &str = "quay.io/ruohe/kube-rbac-proxy";

#[test]
fn the_documented_rules_are_read() {
    let pinned = "sha256:14b267eb38aa85fd12d0e168fffa2d8a6187ac53a14a0212b0d4fce8d729598c";
    assert_eq!(
        parse("list", YAML).entries,
        [
            Entry::new(SOURCE, Selection::All, 1).to(TARGET),
            Entry::new(SOURCE, tag("v1.0"), 2).to(TARGET),
            Entry::new(SOURCE, tag("v1.0"), 3).to("localhost:5000/ruohe/kube-rbac-proxy"),
            Entry::new(SOURCE, tag("v2.0"), 3).to("localhost:5000/ruohe/kube-rbac-proxy"),
            Entry::new(SOURCE, digest(pinned, None), 4).to(TARGET),
            Entry::new(SOURCE, tag("v1.1"), 6).to("quay.io/ruohe/kube-rbac-proxy1"),
            Entry {
                destination_tag: Some("stable".to_owned()),
                ..Entry::new(SOURCE, tag("v1.1"), 7).to("quay.io/ruohe/kube-rbac-proxy2")
            },
            Entry::new(SOURCE, Selection::Matching(filter(&["a+"], &[], None)), 8).to(TARGET),
        ]
    );
    assert_eq!(
        remarks(&parse("list", YAML)),
        ["4:1 the destination gets no tag, as only a digest is given"]
    );
}

#[test]
fn json_is_read_as_yaml_is() {
    let retagged = |from: &str, to: &str| Entry {
        destination_tag: Some(to.to_owned()),
        ..Entry::new(SOURCE, tag(from), 3).to(TARGET)
    };
    assert_eq!(
        parse("list", JSON).entries,
        [
            Entry::new(SOURCE, Selection::All, 2).to(TARGET),
            retagged("v1.0", "a"),
            retagged("v2.0", "b"),
            Entry::new(SOURCE, tag("v1.1"), 5).to("quay.io/ruohe/kube-rbac-proxy1"),
            Entry::new(SOURCE, tag("v1.1"), 6).to("quay.io/ruohe/kube-rbac-proxy2"),
        ]
    );
    assert_eq!(remarks(&parse("list", JSON)), [""; 0]);
}

#[test]
fn the_older_configuration_is_read_with_its_credentials() {
    let mut parsed = parse("list", OLDER);
    let of = |user| format!(r#"{{"username":["{user}"],"password":["very-secret"]}}"#);
    assert_eq!(
        take_credentials(&mut parsed),
        [format!("2 quay.io {}", of("xxx")), format!("6 quay.io/coreos {}", of("abc"))]
    );
    assert_eq!(
        parsed.entries,
        [Entry::new(SOURCE, Selection::All, 10).to(TARGET), Entry::new(SOURCE, tag("v1.0"), 11),]
    );
    assert_eq!(
        remarks(&parse("list", OLDER)),
        [
            "5:5 `insecure` is ignored: give --insecure-registry with this registry",
            "11:3 without a destination the source's path is kept; image-syncer has a default registry and namespace",
        ],
    );
}

#[test]
fn malformed_rules_have_positions_and_do_not_affect_others() {
    let text = "a/b/c:1,,2: d/e\na/b/c,1: d/e\na/b@: d/e\na/b@sha256:0,1: d/e\na/b:/x: d/e\n:1: d/e\n\
                a/x:1,2: d/e:3\na/y: d/e:3\na/z: d/e@sha256:0\na/v: $REGISTRY/e\na/w: {b: c}\n\
                a/u: [d/e, [], '']\na/t:1: ','\na/t:1: d/e\n";
    let count = "a destination's tags must be as many as the source's, or none";
    assert_eq!(
        remarks(&parse("list", text)),
        [
            "1:1! there is an empty tag",
            "2:1! there is a comma, but no tag before it",
            "3:1! there is no digest after the `@`",
            "4:1! tags cannot follow a digest",
            "5:1! a regular expression must stand between two slashes",
            "6:1! there is no name before the tag",
            &*format!("7:1! {count}"),
            &*format!("8:1! {count}"),
            "9:1! a destination can only have the digest of its source",
            "10:1! \"$REGISTRY/e\": environment variables are not expanded, write it out",
            "11:6! a destination must be a string or a list, found a mapping",
            "12:12! a destination must be a string, found a list",
            "12:16! a destination must be a string, found an empty string",
            "13:1! \",\" is not a destination",
            "14:1! duplicate key `a/t:1`, first at line 13",
        ],
    );
    assert_eq!(parse("list", text).entries, [Entry::new("a/u", Selection::All, 12).to("d/e")]);
}

#[test]
fn rules_without_a_value_keep_the_path() {
    let text = "quay.io/a/b:\nnginx:1.25: ~\nredis:7: ''\n'[::1]:5000/a/b:1': []\nc/d: {}\n";
    assert_eq!(
        parse("list", text).entries,
        [
            Entry::new("quay.io/a/b", Selection::All, 1),
            Entry::new("nginx", tag("1.25"), 2),
            Entry::new("redis", tag("7"), 3),
            Entry::new("[::1]:5000/a/b", tag("1"), 4),
            Entry::new("c/d", Selection::All, 5),
        ]
    );
    let told = remarks(&parse("list", text));
    assert_eq!(told.len(), 5);
    assert!(told.iter().all(|told| told.contains("the source's path is kept")), "{told:?}");
}

#[test]
fn a_destination_may_repeat_the_digest_of_its_source() {
    let text = "a.io/b@sha256:00: c.io/d@sha256:00\na.io/b@sha256:01: c.io/d@sha256:00\n";
    let parsed = parse("list", text);
    let entry = Entry::new("a.io/b", digest("sha256:00", None), 1).to("c.io/d");
    assert_eq!(parsed.entries, [entry]);
    assert_eq!(
        remarks(&parsed),
        [
            "1:1 the destination gets no tag, as only a digest is given",
            "2:1! a destination can only have the digest of its source",
        ]
    );
}

#[test]
fn probing_looks_at_the_shape() {
    for (text, expected) in [
        (YAML, Confidence::Certain),
        (JSON, Confidence::Certain),
        (OLDER, Confidence::Certain),
        ("a.io/b: c.io/d\nother: x\n", Confidence::Maybe),
        ("nginx:1.25: r.example/m/nginx\n", Confidence::Certain),
        ("nginx:1.25,1.26: r.example/m/nginx:a,b\n", Confidence::Certain),
        ("nginx:/^1/: [r.example/m/nginx]\n", Confidence::Certain),
        ("nginx@sha256:00: localhost:5000/m/nginx\n", Confidence::Certain),
        (
            "{\"nginx:1.25\": \"r.example/m/nginx\", \"redis\": \"r.example/m/redis\"}",
            Confidence::Certain,
        ),
        ("'[::1]:5000/a/b:1': '[::1]:5001/a/b'\n", Confidence::Certain),
        ("a/b@sha256:00:\n- r.example/c/d\nb/c@sha256:01: r.example/c/d\n", Confidence::Certain),
        ("quay.io/a/b:\nquay.io/c/d:v1:\n", Confidence::Certain),
        ("nginx:1.25: ~\nredis:7: ''\nmysql:8: []\n", Confidence::Certain),
        ("nginx:1.25:\nredis:\n", Confidence::Certain),
        ("auth: {}\nimages:\n  quay.io/a/b:\n", Confidence::Certain),
        ("quay.io/a/b: $REGISTRY/a/b\n", Confidence::Certain),
        ("nginx: r.example/m/nginx\n", Confidence::No),
        ("image: quay.io/team/app\nreplicas: 2\n", Confidence::No),
        ("library/nginx:\nlibrary/redis:\n", Confidence::Maybe),
        ("library/nginx:\nredis:\n", Confidence::No),
        ("library/nginx:\nreplicas: 2\n", Confidence::No),
        ("services:\nvolumes:\n", Confidence::No),
        ("services:\n  a: {image: b}\n", Confidence::No),
        ("auth: {}\nimages:\n  a.io/b: c.io/d\nother: 1\n", Confidence::Maybe),
        ("a: b\n", Confidence::No),
        ("url: https://a/b\n", Confidence::No),
        ("quay.io/a:\n  images:\n    a: []\n", Confidence::No),
        ("images:\n- a/b\n", Confidence::No),
        ("a/b c/d 1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", text), expected, "{text:?}");
    }
}

#[test]
fn an_empty_configuration_says_why() {
    for (text, said) in [
        ("{}", "1:1 there are no rules"),
        ("images: {}\n", "1:9 there is nothing under `images`"),
        ("images: []\n", "1:9 there is nothing under `images`"),
    ] {
        assert_eq!(remarks(&parse("list", text)), [said], "{text}");
    }
}

#[test]
fn mutated_rules_never_panic() {
    survives_mutations(&[YAML, JSON, OLDER], probe, parse);
}

#[test]
fn the_probe_rejects_fixtures_of_other_formats() {
    knows_its_own("image-syncer", probe);
}

#[test]
fn an_authentication_file_has_credentials_and_no_rules() {
    let text =
        "a.io: {username: $U, password: '${P_1}'}\nb.io/team:\n  username: x\n  password: a$b\n";
    assert_eq!(probe("auth.yaml", text), Confidence::Certain);
    let mut parsed = parse("auth.yaml", text);
    assert_eq!(
        take_credentials(&mut parsed),
        [
            r#"1 a.io {"username":[{"variable":"U"}],"password":[{"variable":"P_1"}]}"#,
            r#"2 b.io/team {"username":["x"],"password":["a$b"]}"#,
        ]
    );
    assert_eq!(parsed.entries, []);
    assert_eq!(
        remarks(&parsed),
        [
            "1:1 an authentication file of image-syncer has no rules: give it with --list-credentials=FILE"
        ]
    );
    for other in [
        "a.io: {username: x}\n",
        "a.io: {username: x, password: y, email: z}\n",
        "a.io: {username: x, password: y}\nb: c.io/d\n",
        "{}\n",
    ] {
        assert_ne!(probe("auth.yaml", other), Confidence::Certain, "{other}");
    }
}

#[test]
fn a_value_is_a_variable_only_as_a_whole() {
    for (written, expected) in [
        ("$A_1", r#"{"variable":"A_1"}"#),
        ("${A}", r#"{"variable":"A"}"#),
        ("$", r#""$""#),
        ("${}", r#""${}""#),
        ("$1a", r#""$1a""#),
        ("x$A", r#""x$A""#),
        ("$A-b", r#""$A-b""#),
        ("${A}b", r#""${A}b""#),
    ] {
        let mut parsed = parse("x", &format!("a.io: {{username: u, password: '{written}'}}\n"));
        let found = take_credentials(&mut parsed);
        assert_eq!(found, [format!(r#"1 a.io {{"username":["u"],"password":[{expected}]}}"#)]);
    }
}
