//! `convert-list`.

use longshore_content::Image;

use crate::support::{Longshore, Pair, Registry, Run};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Converts a list from standard input to standard output.
fn convert(list: &str, arguments: &[&str]) -> Run {
    Longshore::new().args(["convert-list", "-i", "-"]).args(arguments).stdin(list).run()
}

#[track_caller]
fn converts(list: &str, arguments: &[&str], expected: &str) {
    let run = convert(list, arguments).exits(0);
    assert_eq!(run.stdout, expected, "{arguments:?}\n{}", run.stderr);
}

#[test]
fn a_reference_becomes_three_columns() {
    let d = ["-d", "registry.example.io"];
    for (line, expected) in [
        (
            "docker.io/library/mysql:8",
            "docker.io/library/mysql registry.example.io/library/mysql 8",
        ),
        ("mysql", "mysql registry.example.io/mysql latest"),
        ("quay.io:443/a/b/c:1.0", "quay.io:443/a/b/c registry.example.io/a/b/c 1.0"),
    ] {
        converts(line, &d, &format!("{expected}\n"));
    }
    converts("quay.io/a/b:1\n", &[], "quay.io/a/b a/b 1\n");
    converts("a/b:1\n", &["-s", "s.io:5000"], "s.io:5000/a/b a/b 1\n");
}

#[test]
fn ports_tags_and_digests_are_kept() {
    let list = format!("h:5000/a:1\nh:5000/a@{DIGEST}\nh:5000/a:2@{DIGEST}\n");
    let expected =
        format!("h:5000/a d:1/a 1\nh:5000/a d:1/a {DIGEST}\nh:5000/a d:1/a 2@{DIGEST}\n");
    converts(&list, &["-d", "d:1"], &expected);
    converts(&expected, &["--to", "mirror", "-d", "e:2"], &expected.replace("d:1/", "e:2/"));
    let back = expected.replace("d:1/", "");
    converts(&back, &["--to", "default"], &list);
}

#[test]
fn a_mirror_line_passes_with_its_platforms() {
    let list = "# longshore: platforms=linux/amd64,linux/arm/v7\na.io/b c.io/d 1\n\
                # longshore: platforms=all\na b 1\n";
    converts(list, &[], list);
    let expected = "# longshore: platforms=linux/amd64,linux/arm/v7\ns.io/b d.io/d 1\n\
                    # longshore: platforms=all\ns.io/a d.io/b 1\n";
    converts(list, &["-s", "s.io", "-d", "d.io"], expected);
}

#[test]
fn an_entry_of_another_format_keeps_all_its_platforms() {
    let list = "version: 1\nsync:\n  - source: a.io/b:1\n    target: c.io/d:1\n    type: image\n";
    let expected = "# longshore: platforms=all\na.io/b c.io/d 1\n";
    converts(list, &["--list-format", "regsync"], expected);
}

#[test]
fn patterns_become_comments_that_mirror_reads() {
    let list = "version: 1\nsync:\n  - source: a.io/b\n    target: c.io/d\n    type: repository\n\
                \x20   tags:\n      allow: ['1\\..*']\n      deny: [rc]\n\
                \x20 - {source: a.io/all, target: c.io/all, type: repository}\n\
                \x20 - {source: a.io, target: c.io/x, type: registry, repos: {allow: [team/.*]}}\n";
    let all = "# longshore: platforms=all";
    let run = convert(list, &["--list-format", "regsync"]).exits(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{}", run.stdout);
    assert!(lines[0].starts_with(&format!("{all} tags=")) && lines[0].contains(" not-tags="));
    assert_eq!(lines[1..4], ["a.io/b c.io/d *", all, "a.io/all c.io/all *"]);
    assert!(lines[4].starts_with(&format!("{all} repositories=")), "{}", lines[4]);
    assert_eq!(lines[5], "a.io c.io/x *");
    converts(&run.stdout, &[], &run.stdout);
    let own = "# longshore: latest=1\na.io/b c.io/d *\na.io/b c.io/e *\n\
               # longshore: repositories=*\na.io c.io/f *\n";
    converts(own, &[], own);
}

#[test]
fn whole_registries_with_ports_and_addresses_are_converted() {
    for registry in ["a.io", "a.io:5000", "localhost:5000", "[::1]:5000", "[fd00::1]"] {
        let list = format!(
            "version: 1\nsync:\n- {{source: '{registry}', target: '{registry}', type: registry}}\n"
        );
        let terms = "# longshore: platforms=all repositories=*\n";
        converts(&list, &[], &format!("{terms}{registry} {registry} *\n"));
        let flags = ["-s", "s.io:1", "-d", "[::1]:2"];
        converts(&list, &flags, &format!("{terms}s.io:1 [::1]:2 *\n"));
    }
}

#[test]
fn ipv6_addresses_are_found_in_arguments_and_variables() {
    for registry in ["[::1]:5000", "[fd00::12]", "[2001:db8::1]:443"] {
        let list = format!(
            "kind: Pod\napiVersion: v1\nmetadata: {{name: a}}\nspec:\n  containers:\n  - image: '{registry}/a/b:1'\n    \
             args: ['--job-image={registry}/c/d:2']\n    env: [{{name: SIDE_IMAGE, value: '{registry}/e/f:3'}}]\n"
        );
        let lines = [("a/b", 1), ("c/d", 2), ("e/f", 3)].map(|(path, tag)| {
            format!("# longshore: platforms=all\n{registry}/{path} {path} {tag}\n")
        });
        converts(&list, &[], &lines.concat());
    }
}

#[test]
fn an_entry_that_the_format_cannot_express_is_an_error() {
    let run = convert("a.io/b c.io/d 1\n", &["--to", "default"]).exits(2);
    assert_eq!(run.stdout, "");
    let run = run.complains("-:1: a.io/b: a reference cannot express a destination");
    let run = run.complains("write the format default: it cannot express 1 of 1 entry");
    assert!(!run.stderr.contains("--keep-going"), "there are no other entries\n{}", run.stderr);
    run.complains("hint: leave --to out to write the format mirror");
    let run = convert("# longshore: tags=^1\na.io/b b *\n", &["--to", "default"]).exits(2);
    let run = run.complains("-:2: a.io/b: a reference cannot express a pattern for tags");
    let run = run.complains("hint: give --resolve to write one entry for each tag");
    assert!(!run.stderr.contains("leave --to out"), "{}", run.stderr);
    // Tags would not help these.
    for (list, advice) in [
        ("# longshore: tags=^1\na.io/b c.io/d *\n", "leave --to out to write the format mirror"),
        (
            "# longshore: tags=^1 platforms=linux/arm64\na.io/b b *\n",
            "leave --to out to write the format mirror",
        ),
        (
            "# longshore: tags=^1\na.io/b b *\na.io/b c.io/e 1\n",
            "give --resolve to write one entry for each tag, or leave --to out to write the format mirror",
        ),
    ] {
        convert(list, &["--to", "default"]).exits(2).complains(&format!("hint: {advice}\n"));
    }
}

/// A list whose every third line has a destination that a reference cannot express.
fn with_destinations(count: usize) -> String {
    let line = |number: usize| {
        let path = if number % 3 == 2 { "d" } else { "s" };
        format!("a.io/s{number} {path}{number} 1\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn every_inexpressible_entry_is_named_and_keep_going_writes_the_others() {
    for count in [4, 7, 31] {
        let list = with_destinations(count);
        let others: Vec<usize> = (0..count).filter(|number| number % 3 == 2).collect();
        let refused = others.len();
        let run = convert(&list, &["--to", "default"]).exits(2);
        assert_eq!(run.stdout, "");
        let named: Vec<&str> =
            run.complaints().into_iter().filter(|line| line.contains("a reference")).collect();
        let lines: Vec<String> = named
            .iter()
            .map(|line| line.split(':').nth(1).unwrap_or_default().to_owned())
            .collect();
        let expected: Vec<String> = others.iter().map(|number| (number + 1).to_string()).collect();
        assert_eq!(lines, expected, "{}", run.stderr);
        let summary = format!("it cannot express {refused} of {count} entries");
        run.complains(&summary).complains(
            "hint: leave --to out to write the format mirror, or give --keep-going to write the \
             other entries",
        );
        let run = convert(&list, &["--to", "default", "--keep-going"]).exits(1);
        let expected: String = (0..count)
            .filter(|number| number % 3 != 2)
            .map(|number| format!("a.io/s{number}:1\n"))
            .collect();
        assert_eq!(run.stdout, expected, "{}", run.stderr);
        assert_eq!(run.stderr.matches("a reference cannot").count(), refused, "{}", run.stderr);
        let wrote = counted(count - refused);
        run.complains(&format!("wrote {wrote} to standard output and left out {refused}"));
    }
}

fn counted(entries: usize) -> String {
    if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") }
}

#[test]
fn a_conversion_that_leaves_nothing_writes_nothing() {
    for (list, flags, failed) in [
        ("a.io/b c.io/d 1\n", &["--keep-going", "--to", "default"][..], " (1 failed)"),
        (
            "# longshore: platforms=linux/arm64\na.io/b b 1\n",
            &["--keep-going", "--to=default"],
            " (1 failed)",
        ),
        ("only two\nonly one more than two\n", &["--list-format", "mirror"], " (2 failed)"),
        ("a.io/Upper b 1\n", &["-y"], " (1 failed)"),
        ("# longshore: latset=1\na b *\n", &[], " (1 failed)"),
    ] {
        let run = Longshore::new().file("list", list).file("list.converted", "old");
        let run = run.args(["convert-list", "-i", "list", "-o", "new"]).args(flags).run().exits(2);
        assert_eq!(run.file("new"), None, "{}", run.stderr);
        assert_eq!(run.file("list.converted").as_deref(), Some("old"));
        let told = format!("convert list: no entry is left{failed}, so nothing was written");
        assert!(run.stderr.trim_end().ends_with(&told), "not the last line: {}", run.stderr);
    }
}

#[test]
fn a_line_that_is_not_text_gets_the_hint_that_helps() {
    let run = Longshore::new().file("list", b"rancher/shell\xa0v\n\xe4\xf6\n");
    let run = run.args(["convert-list", "-i", "list", "--list-format", "default"]).run().exits(2);
    let run = run.complains("hint: save the list as UTF-8");
    let run = run.complains("no entry is left (2 failed), so nothing was written");
    assert_eq!(run.file("list.converted"), None);
    let some = Longshore::new().file("list", b"team/app:1\nteam/\xe4:1\n");
    let some = some.args(["convert-list", "-i", "list", "-o", "new"]).run().exits(1);
    some.complains("wrote 1 entry to new and left out 1");
}

#[test]
fn keep_going_does_not_change_what_else_fails() {
    let list = "a b 1\nonly two\na.io/Upper b 1\nc d 2\n";
    let run = convert(list, &["--keep-going"]).exits(1);
    assert_eq!(run.stdout, "a b 1\nc d 2\n");
    converts("a b 1\n", &["--keep-going"], "a b 1\n");
    convert("a b 1\n", &["--keep-going"]).complains("wrote 1 entry to standard output");
}

#[test]
fn malformed_lines_and_broken_references_are_named_and_the_rest_is_written() {
    let list = "a b 1\nonly two\na.io/Upper b 1\nc d 2\n";
    let run = convert(list, &["--list-format", "mirror"]).exits(1);
    assert_eq!(run.stdout, "a b 1\nc d 2\n");
    let run = run.complains("[ERRO] -:2:9: expected 3 columns").complains("-:3: a.io/Upper: ");
    run.complains("wrote 2 entries to standard output and left out 2");
}

#[test]
fn patterns_and_platforms_that_no_run_can_use_are_named_and_the_rest_is_written() {
    let item = |name: &str, more: &str| {
        format!("- {{source: a.io/{name}, target: c.io/{name}, type: repository, {more}}}\n")
    };
    let list = [
        "version: 1\nsync:\n".to_owned(),
        item("a", "tags: {allow: ['(?=x)']}"),
        item("b", "tags: {deny: ['[']}"),
        item("c", "tags: {semverRange: ['nope']}"),
        item("d", "platform: local"),
        item("e", "tags: {allow: ['1.*']}"),
    ];
    let run = convert(&list.concat(), &[]).exits(1);
    assert_eq!(run.stdout, "# longshore: platforms=all tags=^1.*$\na.io/e c.io/e *\n");
    let run = run.complains("-:3: a.io/a: the expression `^(?=x)$` cannot be used: look-around");
    let run = run.complains("hint: use RE2 syntax, without look-around and backreferences");
    let run = run.complains("-:4: a.io/b: the expression `^[$` cannot be used");
    let run = run.complains("-:5: a.io/c: the range `nope` cannot be used");
    let run = run.complains("-:6: a.io/d: platform \"local\" is invalid");
    run.complains("wrote 1 entry to standard output and left out 4");
}

#[test]
fn a_file_is_written_beside_the_list_and_not_overwritten_unasked() {
    let first = Longshore::new().file("list.txt", "a.io/b:1\n");
    let first = first.args(["convert-list", "-i", "list.txt"]).run().exits(0);
    assert_eq!(first.file("list.txt.converted").as_deref(), Some("a.io/b b 1\n"));
    assert_eq!(first.stdout, "");
    let again = || first.again().args(["convert-list", "-i", "list.txt", "-d", "d.io"]);
    let refused = again().run().exits(2);
    let refused = refused.complains("write list.txt.converted: the file exists");
    let refused = refused.complains("hint: give -y to overwrite it");
    assert_eq!(refused.file("list.txt.converted").as_deref(), Some("a.io/b b 1\n"));
    again().arg("-y").run().exits(0);
    assert_eq!(first.file("list.txt.converted").as_deref(), Some("a.io/b d.io/b 1\n"));
    let other = again().args(["-o", "other", "--auto-yes=false"]).run().exits(0);
    assert_eq!(other.file("other").as_deref(), Some("a.io/b d.io/b 1\n"));
    again().args(["-o", "/dev/null"]).run().exits(0);
    again().args(["-o", "none/other"]).run().exits(2).complains("write none/other: ");
    again().args(["-o", "."]).run().exits(2).complains("it is a folder");
}

#[test]
fn invalid_lists_and_formats_are_rejected_before_anything_is_written() {
    let run = |arguments: &[&str]| {
        let run = Longshore::new().file("list", "a:1\n").arg("convert-list");
        let run = run.args(["-i", "list"]).args(arguments).run().exits(2);
        assert_eq!(run.file("list.converted"), None, "{arguments:?}");
        run
    };
    run(&["--to", "regsync"]).complains("write the format regsync: it can only be read");
    run(&["--to", "what"]).complains("no list-format plugin has that name");
    run(&["-d", "https://x"]).complains("hint: write -d x");
    for folder in ["oci:DIR", "oci://DIR", "./DIR", "dir:/DIR"] {
        let run = run(&["-d", folder]).complains("the lines of a list cannot name a folder");
        run.complains("hint: leave -d out, and give -d oci:DIR to mirror with the new list");
        run_of_source(folder);
    }
    run(&["-i", "none"]);
    Longshore::new().arg("convert-list").run().exits(2).complains("--input <FILE>");
}

/// Checks that the source cannot be this folder.
#[track_caller]
fn run_of_source(folder: &str) {
    let run = convert("a:1\n", &["-s", folder]).exits(2);
    run.complains("hint: leave -s out, and give -s oci:DIR to mirror with the new list");
}

#[test]
fn the_settings_file_gives_registries_but_no_file_names() {
    let settings = "output = \"json\"\n[convert-list]\ndestination = \"d.io\"\n";
    let run = Longshore::new().file("list", "a:1\n").file("s.toml", settings);
    let run = run.args(["convert-list", "-i", "list", "--settings", "s.toml"]).run().exits(0);
    assert_eq!(run.file("list.converted").as_deref(), Some("a d.io/a 1\n"));
    assert_eq!(run.file("json"), None);
    let run = Longshore::new().file("s.toml", "[convert-list]\ninput = \"x\"\n");
    let run = run.args(["convert-list", "-i", "list", "--settings", "s.toml"]).run().exits(2);
    run.complains("unknown key \"convert-list.input\"");
}

#[test]
fn a_converted_list_mirrors_the_same_images() {
    let pair = Pair::embedded();
    let image = Image::new("linux/amd64").layer(1, 100).build();
    pair.source.push("team/app", "1", &image);
    let list = format!("{}/team/app:1@{}\n", pair.source.address(), image.digest());
    let run = convert(&list, &["-d", pair.destination.address()]).exits(0);
    Longshore::new().mirror().list(&run.stdout).run().exits(0);
    pair.assert_arrived("team/app", "1", &image);
}

#[test]
fn patterns_are_resolved_to_tags() {
    let source = Registry::embedded();
    let image = Image::new("linux/amd64").layer(1, 100).build();
    for tag in ["1.0", "1.1", "2.0", "edge"] {
        source.push("team/app", tag, &image);
    }
    let address = source.address();
    let list = format!(
        "version: 1\nsync:\n  - source: {address}/team/app\n    target: d.io/app\n    type: repository\n\
         \x20   tags:\n      allow: ['1\\..*']\n  - source: {address}/team/none\n    target: d.io/none\n\
         \x20   type: repository\n"
    );
    let run = convert(&list, &["--list-format", "regsync", "--resolve"]).exits(1);
    let all = "# longshore: platforms=all\n";
    let expected = ["1.0", "1.1"].map(|tag| format!("{all}{address}/team/app d.io/app {tag}\n"));
    assert_eq!(run.stdout, expected.concat(), "{}", run.stderr);
    let run = run.complains("2 of 4 tags of");
    run.complains(&format!("{address}/team/none: "));
}
