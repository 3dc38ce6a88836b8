//! Dockerfiles, and the images in them.

use longshore_plugin_sdk::list::{Confidence, ListFormat as _};
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{Dockerfile, parse, probe};

const STAGES: &str = include_str!("../fixtures/stages.Dockerfile");
const WINDOWS: &str = include_str!("../fixtures/windows.Dockerfile");
const LOWER: &str = include_str!("../fixtures/Containerfile");

#[test]
fn all_images_of_a_build_are_entries() {
    let parsed = parse("Dockerfile", STAGES);
    assert_eq!(
        entries(&parsed),
        [
            "1 docker/dockerfile 1.7",
            "8 golang 1.26",
            "12 registry.example.com/tools 2",
            "27 registry.example.com/base/static 1.26-r1 linux/arm64",
            "29 busybox 1.36",
            "31 quay.io/certs/bundle 2026",
        ]
    );
    assert_eq!(remarks(&parsed), [] as [&str; 0]);
}

#[test]
fn the_escape_character_may_be_a_backtick() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(
        entries(&parse("Dockerfile", WINDOWS)),
        [
            "2 mcr.microsoft.com/windows/servercore ltsc2025".to_owned(),
            format!("6 mcr.microsoft.com/windows/nanoserver ltsc2025@sha256:{digest}"),
        ]
    );
}

#[test]
fn instructions_may_be_in_lower_case() {
    assert_eq!(
        entries(&parse("Containerfile", LOWER)),
        ["1 fedora 43", "4 docker.io/library/alpine 3.22"]
    );
}

#[test]
fn stages_and_scratch_are_not_images() {
    for (text, expected) in [
        ("FROM a:1 AS x\nFROM x\nFROM X AS y\nCOPY --from=Y / /\n", vec!["1 a 1"]),
        // A later stage is no base. Its name is an image there.
        ("FROM x\nFROM a:1 AS x\n", vec!["1 x latest", "2 a 1"]),
        ("FROM a:1\nCOPY --from=later / /\nFROM b:1 AS later\n", vec!["1 a 1", "3 b 1"]),
        ("FROM scratch\nCOPY --from=scratch / /\n", vec![]),
        (
            "FROM a:1\nFROM a:1\nFROM --platform=linux/arm64 a:1\n",
            vec!["1 a 1", "3 a 1 linux/arm64"],
        ),
        (
            "FROM a:1\nRUN --mount=from=x:2 true\nRUN --mount=type=secret,id=x true\n",
            vec!["1 a 1", "2 x 2"],
        ),
        ("FROM a:1\nRUN echo --mount=from=x:2\nCOPY a --from=x:2 b\n", vec!["1 a 1"]),
        (
            "FROM a:1\nRUN --mount=\"type=bind,from=x:2\" --network=none true\n",
            vec!["1 a 1", "2 x 2"],
        ),
    ] {
        assert_eq!(entries(&parse("Dockerfile", text)), expected, "{text}");
    }
}

#[test]
fn arguments_have_their_defaults_and_scopes() {
    for (text, expected) in [
        ("ARG A=1 B=${A}.2\nFROM a:$B\n", "2 a 1.2"),
        ("ARG A='x y' B=\"1\"\nFROM a:${B}\n", "2 a 1"),
        ("ARG A=1\nARG A=2\nFROM a:${A}\n", "3 a 2"),
        ("FROM ${IMAGE:-b:1}\n", "1 b 1"),
        ("ARG A\nFROM ${A}a:1\n", "2 a 1"),
        ("FROM al\\\npine:3\n", "1 alpine 3"),
        ("FROM \"a:1\"\n", "1 a 1"),
        ("ARG P=linux/arm64\nFROM --platform=${P} a:1\n", "2 a 1 linux/arm64"),
        ("FROM --platform=${TARGETPLATFORM} a:1\n", "1 a 1"),
    ] {
        assert_eq!(entries(&parse("Dockerfile", text)), [expected], "{text}");
    }
    // A stage does not see global arguments before it declares them.
    let text = "ARG V=1\nFROM a:1\nARG V\nENV W=$V\nCOPY --from=b:$W / /\n";
    assert_eq!(entries(&parse("Dockerfile", text)), ["2 a 1", "5 b 1"]);
    let text = "ARG V=1\nFROM a:1\nCOPY --from=b:$V / /\n";
    assert_eq!(entries(&parse("Dockerfile", text)), ["2 a 1"]);
}

#[test]
fn given_arguments_win() {
    let given = |json: &str, text: &str| {
        entries(&Dockerfile::from_config(json).expect(json).parse("Dockerfile", text))
    };
    let args = r#"{"args":"V=2\nTARGETARCH=arm64"}"#;
    assert_eq!(given(args, "ARG V=1\nFROM a:$V\nFROM b:$TARGETARCH\n"), ["2 a 2", "3 b arm64"]);
    assert_eq!(given(r#"{"args":{"V":"3"}}"#, "ARG V\nFROM a:$V\n"), ["2 a 3"]);
    // Only a declared argument has a value.
    assert_eq!(given(args, "FROM a:1$V\n"), ["1 a 1"]);
    assert!(Dockerfile::from_config(r#"{"arg":""}"#).is_err());
}

#[test]
fn what_cannot_be_resolved_is_named() {
    let from = |text: &str| remarks(&parse("Dockerfile", text));
    for (text, expected) in [
        (
            "ARG V\nFROM a:${V}\n",
            "2:6! `a:${V}` needs `V`; set it with --plugin-config dockerfile.args=NAME=VALUE",
        ),
        (
            "FROM $I\n",
            "1:6! `$I` needs `I`; set it with --plugin-config dockerfile.args=NAME=VALUE",
        ),
        (
            "ARG R\nFROM ${R}/a:1\n",
            "2:6! `${R}/a:1` needs `R`; set it with --plugin-config dockerfile.args=NAME=VALUE",
        ),
        ("ARG R\nFROM ${R}a:1\n", "2:6 `R` in `${R}a:1` has no value and stands for nothing"),
        (
            "FROM a-$TARGETARCH:1\n",
            "1:6! `a-$TARGETARCH:1` depends on `TARGETARCH`; set it with --plugin-config dockerfile.args",
        ),
        ("ARG V=1.2\nFROM a:${V%.*}\n", "2:6! `a:${V%.*}`: `${V%…}` is not supported"),
        ("FROM a b\n", "1:1! FROM takes an image, or an image and `AS NAME`"),
        ("FROM a:1\nRUM x\n", "2:1! `RUM` is not an instruction"),
        ("FROM a:1\nRUN <<A <<B\nx\nA\ny\n", "2:9! the here-document `B` has no end"),
        (
            "FROM a:1\nONBUILD COPY --from=builder / /\n",
            "2:14 `builder` may be a stage of the build that uses this image; it is not mirrored",
        ),
        ("ARG A=1\n", "1:1 there is no FROM"),
    ] {
        assert_eq!(from(text), [expected], "{text}");
    }
}

#[test]
fn other_texts_are_not_dockerfiles() {
    for (text, expected) in [
        (STAGES, Confidence::Certain),
        (WINDOWS, Confidence::Certain),
        (LOWER, Confidence::Certain),
        ("# a remark\n\nFROM alpine\n", Confidence::Certain),
        ("FROM alpine\nRUN a\nRUN b\nRUNN c\n", Confidence::Maybe),
        ("", Confidence::No),
        ("ARG A=1\n", Confidence::No),
        ("RUN a\nFROM b\n", Confidence::No),
        ("from the docs: images\nalpine:3\nbusybox:1\n", Confidence::No),
        ("alpine:3\n", Confidence::No),
        ("services:\n  a:\n    image: b\n", Confidence::No),
    ] {
        assert_eq!(probe("list", text), expected, "{text}");
    }
}

#[test]
fn fixtures_are_recognised_and_survive_mutations() {
    knows_its_own("dockerfile", probe);
    survives_mutations(&[STAGES, WINDOWS, LOWER], probe, parse);
}
