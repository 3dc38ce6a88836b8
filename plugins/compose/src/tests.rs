//! Entries and diagnostics of services.

use longshore_plugin_sdk::list::{Confidence, ListFormat as _};
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{Compose, parse, probe};

const SHOP: &str = include_str!("../fixtures/compose.yaml");

#[test]
fn services_give_their_images_and_diagnostics() {
    let parsed = parse("compose.yaml", SHOP);
    assert_eq!(
        entries(&parsed),
        [
            "9 nginx 1.27@sha256:aaaa linux/amd64",
            "5 registry.example.com:5000/shop/base 1.4",
            "18 ghcr.io/shop/pushed latest",
            "22 redis latest",
            "26 ghcr.io/shop/data 2",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "5:10 the variable `BASE_TAG` is not set: its default is used",
            "14:5 service `app` is mirrored whichever profiles are active",
            "16:5 service `built` is built, so there is nothing to mirror",
            "18:12 the variable `TAG` is not set: its default is used",
            "19:5 service `pushed` is built, so its image can only be mirrored if it was pushed",
            "21:5 service `child` extends a service in other.yaml, which is not read",
            "29:12! the variable `REGISTRY` is not set and has no default; --plugin-config \
             compose.variables=@FILE sets it",
            "31:5 service `tunnel` has a provider, so there is nothing to mirror",
            "32:1 the files of `include` are not read",
            "34:1 `models` are not mirrored",
        ]
    );
}

#[test]
fn variables_come_from_the_configuration_only() {
    let text =
        "services:\n  a: {image: 'a:${TAG:-1}', platform: $PLATFORM}\n  b: {image: 'b:$TAG'}\n";
    for (json, expected) in [
        (
            r#"{"variables":"TAG=2\nPLATFORM=\"linux/arm64\" # ours\n"}"#,
            &["2 a 2 linux/arm64", "3 b 2"][..],
        ),
        (r#"{"variables":{"TAG":"3","PLATFORM":"linux/s390x"}}"#, &["2 a 3 linux/s390x", "3 b 3"]),
    ] {
        let parsed = Compose::from_config(json).expect(json).parse("compose.yaml", text);
        assert_eq!(entries(&parsed), expected, "{json}");
        assert_eq!(remarks(&parsed), [""; 0], "{json}");
    }
    let message = Compose::from_config(r#"{"variables":"A B"}"#).expect_err("no assignment");
    assert_eq!(message, "line 1 of the variables: expected NAME=VALUE");
}

#[test]
fn an_empty_platform_is_none() {
    for (platform, expected) in [
        ("''", "2 a 1"),
        ("", "2 a 1"),
        ("~", "2 a 1"),
        ("' '", "2 a 1"),
        ("$EMPTY", "2 a 1"),
        ("${EMPTY}", "2 a 1"),
        ("${P:-}", "2 a 1"),
        ("${P-}", "2 a 1"),
        ("${P:+linux/amd64}", "2 a 1"),
        ("${P:-${Q:-}}", "2 a 1"),
        ("'${EMPTY}${P:-} '", "2 a 1"),
        ("${EMPTY:-linux/arm64}", "2 a 1 linux/arm64"),
        ("'${P:-} linux/arm64'", "2 a 1 linux/arm64"),
    ] {
        let text = format!("services:\n  a:\n    platform: {platform}\n    image: a:1\n");
        let compose = Compose::from_config(r#"{"variables":"EMPTY=\n"}"#).expect("variables");
        let parsed = compose.parse("compose.yaml", &text);
        assert_eq!(entries(&parsed), [expected.replace('2', "4")], "{text}");
        assert!(remarks(&parsed).iter().all(|remark| !remark.contains('!')), "{text}");
    }
}

#[test]
fn images_that_a_build_names_are_read() {
    for (build, expected) in [
        (
            "{additional_contexts: {base: 'docker-image://ghcr.io/a/base:1'}}",
            &["3 ghcr.io/a/base 1"][..],
        ),
        (
            "{additional_contexts: [a=docker-image://alpine:3, 'b=docker-image://b/c@sha256:aaaa']}",
            &["3 alpine 3", "3 b/c @sha256:aaaa"],
        ),
        (
            "{additional_contexts: {base: 'docker-image://a/b:${TAG:-2}', other: ../x, url: 'https://a/b.git'}}",
            &["3 a/b 2"],
        ),
        ("{additional_contexts: [dir=../x, service=service:b], cache_from: [a/cache:1]}", &[]),
        (".", &[]),
    ] {
        let parsed = parse("a.yaml", &format!("services:\n  a:\n    build: {build}\n"));
        assert_eq!(entries(&parsed), expected, "{build}");
        assert!(remarks(&parsed).iter().all(|remark| !remark.contains('!')), "{build}");
    }
    let inline = "services:\n  a:\n    build:\n      dockerfile_inline: FROM a:1\n";
    assert_eq!(
        remarks(&parse("a.yaml", inline))[1..],
        [
            "4:7 `dockerfile_inline` of service `a` is not read; a file of its own can be, as a Dockerfile"
        ]
    );
}

#[test]
fn an_empty_image_is_none() {
    let built = ["3:5 service `a` is built, so there is nothing to mirror"];
    for image in ["''", "", "$EMPTY", "${EMPTY:-}", "'${EMPTY} '"] {
        let text = format!("services:\n  a:\n    build: .\n    image: {image}\n");
        let compose = Compose::from_config(r#"{"variables":"EMPTY=\n"}"#).expect("variables");
        assert_eq!(remarks(&compose.parse("compose.yaml", &text)), built, "{text}");
        let alone = text.replace("    build: .\n", "");
        let parsed = compose.parse("compose.yaml", &alone);
        assert_eq!(remarks(&parsed), ["2:3! service `a` has no image"], "{alone}");
    }
}

#[test]
fn an_error_that_services_share_is_one_and_names_them() {
    let unset = "the variable `REG` is not set and has no default; --plugin-config \
                 compose.variables=@FILE sets it";
    for (text, expected) in [
        // A merged mapping.
        (
            "x-a: &a\n  image: $REG/app\nservices:\n  web: {<<: *a}\n  job: {<<: *a}\n  db: {<<: *a}\n",
            vec![format!("2:10! {unset} (services `web`, `job`, `db`)")],
        ),
        // An anchor at the service itself.
        (
            "services:\n  web: &a\n    image: $REG/app\n  job: *a\n",
            vec![format!("3:12! {unset} (services `web`, `job`)")],
        ),
        // An anchor at the text, and a service of its own.
        (
            "services:\n  web: {image: &i $REG/app}\n  job: {image: *i}\n  db: {image: $REG/app}\n",
            vec![format!("2:19! {unset} (services `web`, `job`)"), format!("4:15! {unset}")],
        ),
        // Another error than that of a variable, and a platform.
        (
            "x-a: &a {image: 'a b'}\nx-b: &b {image: b, platform: $REG}\nservices:\n  web: *a\n  \
             job: *a\n  db: *b\n  db2: *b\n",
            vec![
                "1:17! `a b` is not an image reference (services `web`, `job`)".to_owned(),
                format!("2:30! {unset} (services `db`, `db2`)"),
            ],
        ),
        // Warnings need no names.
        (
            "x-a: &a {image: 'a:${T:-1}'}\nservices: {web: *a, job: *a}\n",
            vec!["1:17 the variable `T` is not set: its default is used".to_owned()],
        ),
    ] {
        assert_eq!(remarks(&parse("compose.yaml", text)), expected, "{text}");
    }
}

#[test]
fn an_error_of_many_services_stays_short() {
    let services: String = (0..300).map(|number| format!("  s{number}: *a\n")).collect();
    let text = format!("x-a: &a {{image: $REG/app}}\nservices:\n{services}");
    let parsed = parse("compose.yaml", &text);
    let [error] = &parsed.diagnostics[..] else { panic!("{:?}", parsed.diagnostics) };
    assert!(error.message.ends_with("`s98`, `s99` and 200 more)"), "{}", error.message);
}

#[test]
fn malformed_files_have_exact_diagnostics() {
    for (text, expected) in [
        (
            "services:\n  a: nginx\n",
            &["2:6! service `a` must be a mapping, found a single value"][..],
        ),
        ("services: [a]\n", &["1:11! `services` must be a mapping, found a list"]),
        ("name: x\n", &["1:1! there are no `services`"]),
        ("services:\n  a: {ports: []}\n", &["2:3! service `a` has no image"]),
        ("services:\n  a: {image: [nginx]}\n", &["2:14! an image must be a string, found a list"]),
        (
            "services:\n  a: {image: a, platform: [x]}\n",
            &["2:27! a platform must be a string, found a list"],
        ),
        ("services:\n  a: {image: 'a b'}\n", &["2:14! `a b` is not an image reference"]),
        (
            "services:\n  a:\n    image: nginx\n   build: .\n",
            &[
                "4:4! this is not valid YAML or JSON: while parsing a block mapping, did not find expected key",
            ],
        ),
    ] {
        let parsed = parse("compose.yaml", text);
        assert_eq!(entries(&parsed), [""; 0], "{text}");
        assert_eq!(remarks(&parsed), expected, "{text}");
    }
}

#[test]
fn later_documents_change_the_first() {
    let merged = "Compose merges this document into the first one; here its images are read beside \
                  those of the first";
    for (text, found, remarked) in [
        (
            "services:\n  a: {image: 'a:1'}\n---\nservices:\n  b: {image: 'b:1'}\n",
            &["2 a 1", "5 b 1"][..],
            vec![format!("4:1 {merged}")],
        ),
        (
            "services:\n  a: {image: 'a:1'}\n---\nservices:\n  a: {ports: []}\n  b: {ports: []}\n",
            &["2 a 1"],
            vec![format!("4:1 {merged}"), "6:3! service `b` has no image".to_owned()],
        ),
        (
            "services:\n  a: {image: 'a:1'}\n---\nservices:\n  a: {image: 'a:2'}\n",
            &["2 a 1", "5 a 2"],
            vec![format!("4:1 {merged}")],
        ),
        (
            "services:\n  a: {image: 'a:1'}\n---\nvolumes: {v: {}}\n---\n",
            &["2 a 1"],
            vec![format!("4:1 {merged}")],
        ),
    ] {
        assert_ne!(probe("compose.yaml", text), Confidence::No, "{text}");
        let parsed = parse("compose.yaml", text);
        assert_eq!(entries(&parsed), found, "{text}");
        assert_eq!(remarks(&parsed), remarked, "{text}");
    }
    for other in [
        "services:\n  a: {image: x}\n---\napiVersion: v1\nkind: Pod\n",
        "apiVersion: v1\nkind: Pod\n---\nservices:\n  a: {image: x}\n",
    ] {
        assert_eq!(probe("list", other), Confidence::No, "{other}");
    }
}

#[test]
fn the_probe_accepts_only_compose_files() {
    knows_its_own("compose", probe);
    for (head, expected) in [
        (SHOP, Confidence::Certain),
        ("services:\n  a: {build: .}\n  b:\n", Confidence::Certain),
        ("services:\n  a: {image: x}\nother: 1\n", Confidence::Maybe),
        ("services:\n  a: {image: x}\n  b: 1\n  c: 2\n", Confidence::Maybe),
        ("services:\n  a: {port: 1}\n", Confidence::No),
        ("services: [a]\n", Confidence::No),
        ("apiVersion: v1\nkind: Pod\n", Confidence::No),
        ("a b 1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", head), expected, "{head:?}");
    }
}

#[test]
fn mutated_files_never_panic() {
    survives_mutations(&[SHOP], probe, parse);
}
