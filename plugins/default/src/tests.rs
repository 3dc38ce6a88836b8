//! Entries of lines, errors with their columns, and what is a list of lines.

use longshore_plugin_sdk::diagnostic::Severity;
use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};
use longshore_plugin_sdk::testing::{digest, survives_mutations, tag};

use super::{parse, probe};

#[test]
fn mutated_lists_never_panic() {
    let list = "# a remark\nredis:7.2\nquay.io:5000/app/server@sha256:\
                e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nrancher/a\n";
    survives_mutations(&[list], probe, parse);
}

#[test]
fn a_reference_is_an_entry() {
    for (text, source, selection) in [
        ("busybox", "busybox", tag("latest")),
        (" rancher/rancher:v2.9.1\t\r\n", "rancher/rancher", tag("v2.9.1")),
        ("h:5000/a", "h:5000/a", tag("latest")),
        ("h:5000/a:1", "h:5000/a", tag("1")),
        ("a:1@sha256:00", "a", digest("sha256:00", Some("1"))),
        ("UPPER/Case:1", "UPPER/Case", tag("1")),
    ] {
        let Parsed { entries, diagnostics } = parse("list", text);
        assert_eq!(entries, [Entry::new(source, selection, 1)], "{text:?}");
        assert_eq!(diagnostics, [], "{text:?}");
    }
}

#[test]
fn a_digest_alone_warns_that_there_is_no_tag() {
    let Parsed { entries, diagnostics } = parse("list", "# c\nä/a@sha256:00");
    assert_eq!(entries, [Entry::new("ä/a", digest("sha256:00", None), 2)]);
    let [warning] = &diagnostics[..] else { panic!("expected one warning: {diagnostics:?}") };
    assert_eq!((warning.severity, warning.line, warning.column), (Severity::Warning, 2, 4));
}

#[test]
fn what_stands_around_a_reference_is_read() {
    for (text, source, selection, platforms) in [
        ("--platform=linux/arm64 a/b:1", "a/b", tag("1"), &["linux/arm64"][..]),
        (
            "--platform linux/arm64,linux/amd64 a",
            "a",
            tag("latest"),
            &["linux/arm64", "linux/amd64"],
        ),
        ("a:1 --platform=arm64 # why", "a", tag("1"), &["linux/arm64"]),
        ("--platform=x86_64 a", "a", tag("latest"), &["linux/amd64"]),
        ("--platform= a:1", "a", tag("1"), &[]),
        ("--platform=all a:1", "a", tag("1"), &["all"]),
        ("docker pull a:1", "a", tag("1"), &[]),
        ("  $ sudo podman pull -q a:1", "a", tag("1"), &[]),
        ("nerdctl image pull --platform linux/s390x a:1", "a", tag("1"), &["linux/s390x"]),
        ("ctr images pull docker.io/library/a:1", "docker.io/library/a", tag("1"), &[]),
        ("docker pull -a r.io/a", "r.io/a", Selection::All, &[]),
        ("- a:1", "a", tag("1"), &[]),
        ("  - \"r.io/a:1\"  # quoted", "r.io/a", tag("1"), &[]),
        ("* 'a'", "a", tag("latest"), &[]),
        ("- docker pull a:1", "a", tag("1"), &[]),
        ("    image: a:1", "a", tag("1"), &[]),
        ("- image: 'r.io/a:1' # why", "r.io/a", tag("1"), &[]),
        ("image: \"a\"", "a", tag("latest"), &[]),
        ("a:1 # a remark: b c", "a", tag("1"), &[]),
        ("a:1\t// a remark", "a", tag("1"), &[]),
        ("[::1]:5000/a/b:1", "[::1]:5000/a/b", tag("1"), &[]),
        ("[2001:db8::1]/a/b@sha256:00 #", "[2001:db8::1]/a/b", digest("sha256:00", None), &[]),
    ] {
        let Parsed { entries, .. } = parse("list", text);
        let platforms = platforms.iter().map(|&platform| platform.to_owned()).collect();
        assert_eq!(entries, [Entry { platforms, ..Entry::new(source, selection, 1) }], "{text:?}");
    }
}

#[test]
fn lines_for_each_platform_are_one_image() {
    let text =
        "--platform=linux/arm64 a:1\n--platform=linux/amd64 a:1\n--platform=linux/amd64 a:2\na:3\n";
    let platforms: Vec<_> =
        parse("list", text).entries.into_iter().map(|entry| entry.platforms.join(" ")).collect();
    assert_eq!(
        platforms,
        ["linux/arm64 linux/amd64", "linux/arm64 linux/amd64", "linux/amd64", ""]
    );
}

#[test]
fn malformed_options_have_positions() {
    for (text, column, message) in [
        ("--platform", 1, "there is no platform after `--platform`"),
        ("a --platform", 3, "there is no platform after `--platform`"),
        ("--platform=linux a", 1, "the platform `linux` has no architecture"),
        ("--platform=linux/amd64", 1, "expected one reference a line, found none"),
        ("docker pull", 1, "expected one reference a line, found none"),
        ("docker push a", 8, "expected one reference a line, found 3 fields"),
        ("docker pull a b", 15, "expected one reference a line, found 4 fields"),
        ("docker pull -a a:1", 17, "a reference with a tag or digest does not name all tags"),
        ("--all a", 1, "`--all` is not an option here"),
        ("-q a", 1, "`-q` is not an option here"),
        ("- a b", 5, "expected one reference a line, found 3 fields"),
        ("image: a b", 10, "expected one reference a line, found 3 fields"),
        ("image:", 1, "expected one reference a line, found none"),
        ("-", 1, "expected one reference a line, found none"),
    ] {
        let Parsed { entries, diagnostics } = parse("list", text);
        assert_eq!(entries, [], "{text:?}");
        let [error] = &diagnostics[..] else { panic!("expected one error for {text:?}") };
        assert_eq!((error.column, &*error.message), (column, message), "{text:?}");
    }
}

#[test]
fn malformed_lines_have_positions() {
    for (text, column) in [
        ("a b 1", 3),
        ("ä\tb", 3),
        ("a:", 2),
        ("a:@sha256:00", 2),
        ("a:1@", 4),
        (" :1", 2),
        ("@sha256:00", 1),
    ] {
        let Parsed { entries, diagnostics } = parse("list", text);
        assert_eq!(entries, [], "{text:?}");
        let [error] = &diagnostics[..] else { panic!("expected one error for {text:?}") };
        assert_eq!(
            (error.severity, error.line, error.column),
            (Severity::Error, 1, column),
            "{text:?}: {}",
            error.message
        );
    }
}

#[test]
fn probing_counts_lines_that_fit() {
    for (text, expected) in [
        ("# only\n", Confidence::No),
        ("a b 1\n", Confidence::No),
        ("{\n}\n", Confidence::No),
        ("a/b@sha256:00:\n- c/d\n", Confidence::No),
        ("- a/b@sha256:00:\n  - c/d\n", Confidence::No),
        ("images:\n- a\n", Confidence::No),
        ("quay.io/a/b:1:\n  - c/d\n", Confidence::No),
        ("- name: a\n", Confidence::No),
        ("[\"nginx:1\"]\n", Confidence::No),
        ("nginx:1.25: r.example/m/nginx\n", Confidence::No),
        ("a set of words\nand the\nother sets.\n", Confidence::No),
        (
            "FROM golang\nWORKDIR /src\nRUN go build && \\\n  go mod download\nbuild\n",
            Confidence::No,
        ),
        ("- nginx\n- 'redis:7' # cache\n", Confidence::Certain),
        (
            "#!/bin/sh\ndocker pull nginx\nsudo docker pull --platform linux/arm64 redis:7\n",
            Confidence::Certain,
        ),
        ("--platform=linux/arm64 nginx\n", Confidence::Certain),
        ("[::1]:5000/a/b:1\n", Confidence::Certain),
        ("  image: nginx:1\n  image: \"q.io/a\"\n- image: redis # c\n", Confidence::Certain),
        ("image: nginx:1\n", Confidence::No),
        ("image: nginx:1\nname: x\n", Confidence::No),
        ("image:\n  tag: 1\nimage: nginx\n", Confidence::No),
        ("nginx:1\nhalf of it\n", Confidence::Maybe),
        ("# c\n\u{20}nginx\nh:5000/a:1@sha256:0\n", Confidence::Certain),
        ("nginx\na b 1\n", Confidence::Maybe),
    ] {
        assert_eq!(probe("list", text), expected, "{text:?}");
    }
}
