//! Entries of lines, and errors with their columns.

use longshore_plugin_sdk::Attribute;
use longshore_plugin_sdk::diagnostic::Severity;
use longshore_plugin_sdk::list::{Confidence, Entry, Filter, Parsed, Selection};
use longshore_plugin_sdk::testing::{digest, survives_mutations, tag};

use super::{parse, probe};

fn read(text: &str) -> Parsed {
    parse("list", text)
}

fn entries(text: &str) -> Vec<Entry> {
    let Parsed { entries, diagnostics } = read(text);
    assert_eq!(diagnostics, [], "{text:?}");
    entries
}

/// Returns line, column and message of the only diagnostic, which must be an error.
fn error(text: &str) -> (u32, u32, String) {
    let Parsed { entries, diagnostics } = read(text);
    assert_eq!(entries, [], "{text:?} was read anyway");
    let [diagnostic] = &diagnostics[..] else {
        panic!("expected one remark on {text:?}");
    };
    assert_eq!(diagnostic.severity, Severity::Error);
    (diagnostic.line, diagnostic.column, diagnostic.message.clone())
}

#[test]
fn three_columns_make_an_entry() {
    let text = "\u{feff}# <SOURCE> <DEST> <TAG>\r\n\
                docker.io/hello-world \t private.io/library/hello-world  latest \r\n\
                \r\n\t// more\r\n\
                localhost:5000/a host:5000/b 1.0";
    assert_eq!(
        entries(text),
        [
            Entry::new("docker.io/hello-world", tag("latest"), 2)
                .to("private.io/library/hello-world"),
            Entry::new("localhost:5000/a", tag("1.0"), 5).to("host:5000/b"),
        ]
    );
}

#[test]
fn a_digest_alone_warns_that_there_is_no_tag() {
    let Parsed { entries, diagnostics } = read("a b sha256:00");
    assert_eq!(entries, [Entry::new("a", digest("sha256:00", None), 1).to("b")]);
    let [warning] = &diagnostics[..] else { panic!("expected one warning: {diagnostics:?}") };
    assert_eq!((warning.severity, warning.line, warning.column), (Severity::Warning, 1, 5));
}

#[test]
fn a_tag_and_a_digest_are_pinned_without_a_warning() {
    let [entry] = &entries("a b 1.0@sha256:00")[..] else { panic!("expected one entry") };
    assert_eq!(entry.select, digest("sha256:00", Some("1.0")));
}

#[test]
fn malformed_lines_have_positions() {
    for (text, column, part) in [
        ("a", 2, "found 1"),
        ("  a  b  ", 7, "found 2"),
        ("a b 1 d", 7, "found 4"),
        ("a b # why", 4, "found 2"),
        ("a // b 1", 2, "found 1"),
        ("a b 1 d # why", 7, "found 4"),
        ("a:1 b 1", 2, "tag in column 1"),
        ("h:5000/a:1 b 1", 9, "tag in column 1"),
        ("a b:1 1", 4, "tag in column 2"),
        ("ä€ b@sha256:00 1", 5, "digest in column 2"),
        ("a b @sha256:00", 5, "column 3 must"),
        ("a b 1@", 5, "column 3 must"),
        ("a b 1@md5:00", 5, "column 3 must"),
        ("a b x:1", 5, "column 3 must"),
    ] {
        let (line, found, message) = error(text);
        assert_eq!((line, found), (1, column), "{text:?}: {message}");
        assert!(message.contains(part), "{text:?}: {message}");
    }
    assert_eq!(error("#\n\n\r\na b").0, 4);
}

#[test]
fn a_remark_may_follow_the_columns() {
    for text in ["a b 1 # why", "a b 1\t#why not: x y", "a b 1 // longshore is a tool", "a b 1 #"] {
        assert_eq!(entries(text), [Entry::new("a", tag("1"), 1).to("b")], "{text}");
    }
    for (text, column) in [
        ("a b 1 # longshore: platforms=all", 7),
        ("a b 1  #longshore:platforms=all", 8),
        ("a b 1 // longshore: platforms=all", 7),
        ("a b 1 # Longshore platforms=all", 7),
    ] {
        let Parsed { entries, diagnostics } = read(text);
        assert_eq!((entries.len(), entries[0].platforms.len()), (1, 0), "{text}");
        assert_eq!((diagnostics[0].severity, diagnostics[0].column), (Severity::Warning, column));
    }
}

#[test]
fn an_ipv6_address_is_a_registry() {
    let text = "[::1]:5000/a/b [2001:db8::1]/c 1.0\n";
    assert_eq!(entries(text), [Entry::new("[::1]:5000/a/b", tag("1.0"), 1).to("[2001:db8::1]/c")]);
    assert_eq!(probe("list", text), Confidence::Certain);
}

#[test]
fn broken_references_are_left_to_the_host() {
    let [upper] = &entries("Docker.io/UPPER b!$ -x")[..] else {
        panic!("one entry");
    };
    assert_eq!(upper.source, "Docker.io/UPPER");
    assert_eq!(upper.select, tag("-x"));
}

#[test]
fn platforms_apply_to_the_next_line_only() {
    let text = "# longshore: platforms=linux/amd64, linux/arm/v7,\na b 1\nc d 1\n\
                #longshore:platforms=all\n# another remark\n\ne f 1\n\
                // of platforms=linux/s390x\n# longshore is a tool\ng h 1\n\
                # longshore: platforms=linux/amd64,all\ni j 1\n";
    let platforms: Vec<_> = entries(text).into_iter().map(|entry| entry.platforms).collect();
    assert_eq!(
        platforms,
        [vec!["linux/amd64", "linux/arm/v7"], vec![], vec!["all"], vec![], vec!["all"]]
    );
}

#[test]
fn a_tag_may_have_another_name_at_the_destination() {
    let text =
        "# longshore: destination-tag=stable platforms=linux/amd64, linux/arm64\na b 1\nc d 1\n";
    let entries = entries(text);
    assert_eq!(entries[0].destination_tag.as_deref(), Some("stable"));
    assert_eq!(entries[0].platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!((&entries[1].destination_tag, &entries[1].platforms[..]), (&None, &[][..]));
}

#[test]
fn an_asterisk_selects_tags_by_pattern() {
    let text = "a b *\n# longshore: tags=^v1\\. tags=a%20b%25 not-tags=-rc%20%C3%BC latest=3\n\
                # longshore: versions=>=1.2%20<2%20||%20^3\na b *  # why\n";
    let found = entries(text);
    assert_eq!(found[0].select, Selection::All);
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let filter = Filter {
        allow: texts(&[r"^v1\.", "a b%"]),
        deny: texts(&["-rc ü"]),
        versions: Some(">=1.2 <2 || ^3".to_owned()),
        latest: Some(3),
    };
    assert_eq!(found[1].select, Selection::Matching(filter));
    let Parsed { entries, diagnostics } = read("# longshore: tags=^1\na b 1\n");
    assert_eq!(entries[0].select, tag("1"));
    let told: Vec<_> = diagnostics.iter().map(|found| &*found.message).collect();
    assert_eq!(told, ["the comment above selects tags by pattern, but column 3 is not `*`"]);
    assert_eq!(probe("list", text), Confidence::Certain);
}

#[test]
fn repositories_are_selected_below_a_registry_or_a_path() {
    let text = "# longshore: repositories=* platforms=all\nlocalhost:5000 b.io:1 *\n\
                # longshore: repositories=^team/ not-repositories=old tags=^1\na.io/team/ b.io/x *\n\
                # longshore: not-repositories=x\na.io a.io 1\n";
    let found = entries(text);
    assert_eq!(
        (&*found[0].source, found[0].destination.as_deref()),
        ("localhost:5000", Some("b.io:1"))
    );
    assert_eq!(found[0].repositories, Some(Filter::default()));
    let filter = |allow: &[&str], deny: &[&str]| Filter {
        allow: allow.iter().map(|&text| text.to_owned()).collect(),
        deny: deny.iter().map(|&text| text.to_owned()).collect(),
        ..Filter::default()
    };
    assert_eq!(found[1].repositories, Some(filter(&["^team/"], &["old"])));
    assert_eq!(found[1].select, Selection::Matching(filter(&["^1"], &[])));
    assert_eq!((&found[2].repositories, &found[2].select), (&Some(filter(&[], &["x"])), &tag("1")));
    assert_eq!(error("localhost:5000 b *").2, "tag in column 1, it belongs in column 3");
}

#[test]
fn attributes_and_encoded_values_are_read_back() {
    let text = "# longshore: attribute=team/a%3Db=x%20y%0A=1 attribute=k= attribute=alone\n\
                # longshore: platforms=a%2Cb,linux/%zz destination-tag=x%20y\na b 1\n";
    let [entry] = &entries(text)[..] else { panic!("expected one entry") };
    let pair = Attribute::new;
    assert_eq!(entry.attributes, [pair("team/a=b", "x y\n=1"), pair("k", ""), pair("alone", "")]);
    assert_eq!(entry.platforms, ["a,b", "linux/%zz"]);
    assert_eq!(entry.destination_tag.as_deref(), Some("x y"));
}

#[test]
fn a_malformed_option_fails_the_next_line() {
    let all = "use `platforms=`, `destination-tag=`, `tags=`, `not-tags=`, `versions=`, `latest=`, \
               `repositories=`, `not-repositories=` or `attribute=`";
    for (options, message) in [
        ("latset=1", "`latset` is not an option, the nearest is `latest=`".to_owned()),
        (
            "platfroms=linux/s390x",
            "`platfroms` is not an option, the nearest is `platforms=`".into(),
        ),
        ("Tags=x", "`Tags` is not an option, the nearest is `tags=`".into()),
        ("other=1", format!("`other` is not an option, {all}")),
        ("latest=x", "`x` is not a number of tags".into()),
        ("latest=-1", "`-1` is not a number of tags".into()),
        ("platforms=", "`platforms` has no value".into()),
        ("latest", "`latest` has no value".into()),
        ("tags=^1 ^2", format!("`^2` is not an option, {all}")),
        (
            "platforms=all latset=1 latest=",
            "`latset` is not an option, the nearest is `latest=`; `latest` has no value".into(),
        ),
    ] {
        let text = format!("# longshore: {options}\n# a remark\na b *\nc d 1\n");
        let Parsed { entries, diagnostics } = read(&text);
        assert_eq!(entries, [Entry::new("c", tag("1"), 4).to("d")], "{options}");
        let [error] = &diagnostics[..] else { panic!("expected one error: {diagnostics:?}") };
        assert_eq!((error.severity, error.line), (Severity::Error, 3), "{options}");
        assert_eq!(error.message, format!("the comment above: {message}"));
    }
    let (_, _, message) = error("# longshore: a=1 b=2 c=3 d=4 e=5\na b 1\n");
    assert!(message.ends_with("; 2 more"), "{message}");
}

#[test]
fn a_comment_without_effect_gets_a_warning() {
    for text in [
        "# longshore latest=1\na b 1\n",
        "# Longshore: latest=1\na b 1\n",
        "// longshore: latest=1\na b 1\n",
        "a b 1\n# longshor: latest=1\n",
    ] {
        let Parsed { entries, diagnostics } = read(text);
        assert_eq!(entries.len(), 1, "{text}");
        let [warning] = &diagnostics[..] else { panic!("expected one warning: {diagnostics:?}") };
        assert_eq!(warning.severity, Severity::Warning);
        assert_eq!(warning.message, "this comment sets nothing: write `# longshore: KEY=VALUE`");
    }
    let text = "# longshore: platforms=all\n# longshore: platforms=linux/amd64\na b 1\n\
                #longshore: destination-tag=x\n";
    let Parsed { entries, diagnostics } = read(text);
    assert_eq!(entries[0].platforms, ["linux/amd64"]);
    let told: Vec<_> = diagnostics.iter().map(|found| (found.line, &*found.message)).collect();
    let (before, unused) =
        ("`platforms` was set before, and no line has used it", "no line comes after this comment");
    assert_eq!(told, [(2, before), (4, unused)]);
    assert!(diagnostics.iter().all(|found| found.severity == Severity::Warning));
}

#[test]
fn platforms_do_not_skip_a_malformed_line() {
    let Parsed { entries, diagnostics } = read("# longshore: platforms=all\nbroken\na b 1");
    assert_eq!((entries.len(), diagnostics.len()), (1, 1));
    assert!(entries[0].platforms.is_empty());
}

#[test]
fn probing_counts_lines_that_fit() {
    for (text, expected) in [
        ("", Confidence::No),
        ("# only\n// comments\n\n", Confidence::No),
        ("nginx:1\nmysql:8\n", Confidence::No),
        ("# c\na b 1\r\nh:5000/c d sha256:0\n", Confidence::Certain),
        ("a b 1\nbroken\n", Confidence::Maybe),
        ("a b 1 # why\n", Confidence::Certain),
        (
            "a b 1\none two\nä/b c/d 1 surplus\na:1 b 1\na b@sha256:00 1\na b @sha256:00\na b 1:2\n",
            Confidence::Maybe,
        ),
        ("docker pull nginx\n", Confidence::No),
        ("FROM golang\nCOPY go.mod .\nRUN go build\n", Confidence::No),
        ("RUN make all && \\\n  go mod download\n", Confidence::No),
        ("set -eu\ncd /src\ngo mod download\nmake all the things\n", Confidence::No),
        ("a: b\ngo mod download\n", Confidence::No),
        ("{\n  a b 1\n}\n", Confidence::No),
        ("A/UPPER b 1\n", Confidence::Certain),
        ("# longshore: repositories=^team/\n127.0.0.1:5000 all *\n", Confidence::Certain),
        ("localhost:5000 reg.example.org:443 *\n", Confidence::Certain),
        ("reg.example.org:443 127.0.0.1:5000/copies *\n", Confidence::Certain),
        ("# longshore: repositories=*\n[::1]:5000 all *\n", Confidence::Certain),
        ("[::1]:5000 [fd00::2]:443 *\n", Confidence::Certain),
        ("[fd00::2]:5001 localhost:5000/copies *\n", Confidence::Certain),
        ("reg.example.org:443 [::1]:5000/copies *\n", Confidence::Certain),
        ("localhost:5000 all 1\n", Confidence::No),
        ("[::1]:5000 all 1\n", Confidence::No),
        ("[::1]:abc all *\n", Confidence::No),
        ("[1, 2] all *\n", Confidence::No),
        ("redis:7 all *\n", Confidence::No),
        ("127.0.0.1:5000 all:1 *\n", Confidence::No),
        ("version = \"1\"\n", Confidence::No),
        ("{ \"a\": 1\n", Confidence::No),
        ("- name: a\n", Confidence::No),
    ] {
        assert_eq!(probe("list", text), expected, "{text:?}");
    }
}

#[test]
fn mutated_lists_never_panic() {
    let list = "# a remark\nredis team/redis 7.2\n// longshore: platforms=linux/arm64\n\
                quay.io/app/server  team/server\t1.4@sha256:\
                e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n";
    survives_mutations(&[list], probe, parse);
}
