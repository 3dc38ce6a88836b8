//! The failed list: its content, its location, and that its command repeats the run.

use std::os::unix::fs::{FileTypeExt as _, symlink};

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Pair, Registry, Run};

const LIST: &str = "mirror-failed.txt";

fn image() -> Content {
    Image::new("linux/amd64").layer(1, 100).build()
}

/// Prepares a run of two entries. The source lacks the second one.
fn half_failed(pair: &Pair) -> Longshore {
    pair.source.push("team/app", "1", &image());
    pair.mirror("team/app team/app 1\nteam/late  \tteam/late 1  \n")
}

/// Returns all lines except the first, which holds the command.
fn body(run: &Run, list: &str) -> Vec<String> {
    let text = run.file(list).unwrap_or_else(|| panic!("there is no {list}"));
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn it_holds_the_original_lines_with_their_reasons() {
    let pair = Pair::embedded();
    pair.source.push("app", "1", &image());
    let list = "\u{feff}# team\r\nhub.invalid/app  \tapp 1\r\n  late.invalid/a\tb/c   2 \r\n\
                half a-line\r\nUPPER/x y 1\r\n";
    let run = pair.mirror(list).args(["--rewrite", "prefix"]);
    let run = run.args(["--plugin-config", "prefix.prefix=deep"]).run().exits(1);
    pair.assert_arrived("deep/library/app", "1", &image());
    let source = pair.source.address();
    assert_eq!(
        body(&run, LIST),
        [
            &format!(
                "# source: fetch manifest {source}/a:2: not found (404): NAME_UNKNOWN: repository \
                 a is not known here"
            ),
            "late.invalid/a\tb/c   2",
            "# expected 3 columns (source, destination, tag), found 2",
            "half a-line",
            "# source: repository \"UPPER/x\" is invalid: it has an upper-case letter; repository \
             names are lower-case",
            "UPPER/x y 1",
        ]
    );
    assert!(
        run.stdout.contains(&format!("failed list: {LIST}\n")),
        "the report names the list\n{}",
        run.stdout
    );
}

#[test]
fn a_malformed_line_keeps_the_platforms_above_it() {
    let pair = Pair::embedded();
    let list = "# longshore: platforms=linux/s390x\n\n// why\nteam/app team/app\nhalf line\n\
                # longshore: platforms=all\na b 1 2\n";
    let run = pair.mirror(list).args(["--list-format", "mirror"]).run().exits(1);
    let found = "# expected 3 columns (source, destination, tag), found";
    assert_eq!(
        body(&run, LIST),
        [
            &*format!("{found} 2"),
            "# longshore: platforms=linux/s390x",
            "team/app team/app",
            &format!("{found} 2"),
            "half line",
            &format!("{found} 4"),
            "# longshore: platforms=all",
            "a b 1 2",
        ]
    );
}

#[test]
fn a_malformed_line_keeps_all_that_is_said_above_it() {
    let pair = Pair::embedded();
    let list =
        "# longshore: platforms=all\n# longshore: destination-tag=stable\nteam/app team/app\n";
    let run = pair.mirror(list).args(["--list-format", "mirror"]).run().exits(1);
    let kept = "# longshore: platforms=all destination-tag=stable";
    assert_eq!(body(&run, LIST)[1..], [kept, "team/app team/app"]);
}

#[test]
fn its_command_names_the_settings_file_in_use() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let settings = format!(
        "source = \"{}\"\ndestination = \"{}\"\nrewrite = ['prefix']\n[plugins.prefix]\nprefix = 'deep'\n",
        pair.source.address(),
        pair.destination.address()
    );
    let run = Longshore::new().mirror().list("team/late team/late 1\n").file("s.toml", settings);
    let run = run.env("LONGSHORE_CONFIG", "s.toml").run().exits(1);
    pair.source.push("team/late", "1", &image());
    // The variable is no longer set.
    run.repeated(LIST).exits(0);
    pair.assert_arrived("deep/team/late", "1", &image());
}

#[test]
fn its_command_repeats_the_run_and_then_removes_it() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).run().exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    let again = run.repeated(LIST).exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    pair.source.push("team/late", "1", &image());
    let again = again.repeated(LIST).exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    pair.assert_arrived("team/late", "1", &image());
    assert_eq!(again.file(LIST), None, "nothing failed any more");
}

#[test]
fn the_command_repeats_the_run_with_all_of_its_flags() {
    let pair = Pair::embedded();
    let s390x = Image::new("linux/s390x").layer(1, 10).build();
    let index = Index::oci().child(&image()).child(&s390x).build();
    let run = Longshore::new().mirror().list("team/app x.invalid/app 1\n");
    let run = run
        .source(pair.source.address())
        .env("DOCKER_REGISTRY", pair.destination.address())
        .args(["-a", "s390x, arm64", "--index=docker", "--default-project", "infra", "-j", "3"])
        .args(["--rewrite", "prefix", "--plugin-config", "prefix.prefix=it"])
        .args(["-o", "it's $HOME; left.txt", "--no-arch-os-fail", "--output", "json"])
        .run()
        .exits(1);
    pair.source.push("team/app", "1", &index);
    let again = run.repeated("it's $HOME; left.txt").exits(0);
    assert_eq!(again.json()["copied"], 1, "the output is the same");
    let found = pair.destination.manifest("it/infra/app", "1");
    let text = String::from_utf8_lossy(&found.bytes);
    assert!(text.contains(s390x.digest()) && !text.contains(image().digest()), "{text}");
    assert!(text.contains("manifest.list.v2"), "{text}");
    assert_eq!(again.file("it's $HOME; left.txt"), None, "nothing failed any more");
    assert_eq!(again.file(LIST), None);
}

#[test]
fn the_failed_list_of_a_default_list_can_be_repeated() {
    let pair = Pair::embedded();
    let run = pair.mirror("team/late:1\n\nteam/late@sha256:12\n").run().exits(1);
    assert_eq!(body(&run, LIST)[1], "team/late:1");
    pair.source.push("team/late", "1", &image());
    let again = run.repeated(LIST).exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    pair.assert_arrived("team/late", "1", &image());
    assert_eq!(body(&again, LIST)[1..], ["team/late@sha256:12"]);
}

#[test]
fn a_malformed_line_alone_can_be_repeated() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let run = pair.mirror("team/app team/app 1\nteam/app team/app\n").run().exits(1);
    run.repeated(LIST).exits(1).complains("mirror-failed.txt:3:18: expected 3 columns");
}

#[test]
fn platforms_of_an_entry_survive_two_rounds() {
    let pair = Pair::embedded();
    let list = "# longshore: platforms=linux/s390x\nteam/late team/late 1\n";
    let run = pair.mirror(list).run().exits(1);
    let entry = ["# longshore: platforms=linux/s390x", "team/late team/late 1"];
    assert_eq!(body(&run, LIST)[1..], entry);
    let again = run.repeated(LIST).exits(1);
    assert_eq!(body(&again, LIST)[1..], entry);
}

#[test]
fn a_renamed_tag_is_kept_in_the_failed_list() {
    let pair = Pair::embedded();
    let (source, destination) = (pair.source.address(), pair.destination.address());
    let list = format!("{{\"{source}/team/late:1\": \"{destination}/team/late:stable\"}}");
    let run = Longshore::new().mirror().list(&list).run().exits(1);
    let terms = "# longshore: platforms=all destination-tag=stable";
    let line = format!("{source}/team/late {destination}/team/late 1");
    assert_eq!(body(&run, LIST)[1..], [terms, &line]);
    let again = run.repeated(LIST).exits(1);
    assert_eq!(body(&again, LIST)[1..], [terms, &line]);
    pair.source.push("team/late", "1", &image());
    again.repeated(LIST).exits(0);
    pair.assert_arrived("team/late", "stable", &image());
    pair.assert_absent("team/late", "1");
}

#[test]
fn a_document_on_one_line_is_shown_in_parts_and_cannot_be_repeated() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let good = "{\"type\":\"container\",\"name\":\"app\",\"purl\":\"pkg:docker/team/app@1\"}";
    let components: Vec<String> = (0..200)
        .map(|n| {
            format!(
                "{{\"type\":\"container\",\"name\":\"c{n}\",\"purl\":\"pkg:oci/c{n}@sha256%3A00\"}}"
            )
        })
        .chain([good.to_owned()])
        .collect();
    let list = format!("{{\"bomFormat\":\"CycloneDX\",\"components\":[{}]}}", components.join(","));
    let run = pair.mirror(&list).args(["--list-format", "cyclonedx"]).run().exits(1);
    let text = run.file(LIST).expect("there is a failed list");
    assert!(text.len() < 200 * 800, "{} bytes", text.len());
    assert!(text.contains("c150"), "each remark shows its own place");
    assert!(run.stdout.contains("nothing in it can be repeated as it is"), "{}", run.stdout);
    assert!(!run.stdout.contains("repeat with:"), "{}", run.stdout);
}

#[test]
fn the_failed_list_may_replace_the_list_itself() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).args(["-o", "images.txt"]).run().exits(1);
    assert_eq!(body(&run, "images.txt")[1..], ["team/late  \tteam/late 1"]);
    assert_eq!(run.file(LIST), None, "it goes where -o says");
    pair.source.push("team/late", "1", &image());
    let again = run.repeated("images.txt").exits(0);
    assert_eq!(again.file("images.txt"), None, "it was a failed list of ours by then");
}

#[test]
fn a_foreign_list_is_not_removed_when_nothing_failed() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let run = pair.mirror("team/app team/app 1\n").args(["-o", "images.txt"]).run().exits(0);
    assert_eq!(run.file("images.txt").as_deref(), Some("team/app team/app 1\n"));
    let run = pair.mirror("team/app team/app 1\n").file("notes.txt", "my notes\n");
    let run = run.args(["-o", "notes.txt"]).run().exits(0);
    assert_eq!(run.file("notes.txt").as_deref(), Some("my notes\n"));
}

#[test]
fn the_failed_list_of_another_run_stays() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let ends = ["-s", pair.source.address(), "-d", pair.destination.address()];
    let run = half_failed(&pair).run().exits(1);
    let first = run.file(LIST).expect("there is a failed list");
    let whose = format!(" # run: images.txt to {}", pair.destination.address());
    assert!(first.lines().next().is_some_and(|line| line.ends_with(&whose)), "{first}");
    let other = |list: &str| {
        let run = run.again().file("other.txt", list).args(["mirror", "-f", "other.txt"]);
        run.args(ends).run()
    };
    let well = other("team/app team/app 1\n").exits(0);
    assert_eq!(well.file(LIST).as_deref(), Some(&*first));
    let told = format!("{LIST} stays: it is of another run (images.txt to ");
    let well = well.complains(&told);
    let badly = well.again().file("other.txt", "team/none team/none 1\n");
    let badly = badly.args(["mirror", "-f", "other.txt"]).args(ends).run().exits(1);
    let badly =
        badly.complains(&format!("{LIST} had the failed entries of another run (images.txt to "));
    pair.source.push("team/late", "1", &image());
    pair.source.push("team/none", "1", &image());
    let repeated = badly.repeated(LIST).exits(0);
    assert_eq!(repeated.file(LIST), None, "the repeat is the run that wrote it");
}

#[test]
fn the_failed_list_of_another_part_stays() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    pair.source.push("team/app", "2", &image());
    let ends = ["-s", pair.source.address(), "-d", pair.destination.address(), "-o", "f.txt"];
    let list = "team/app team/app 1\nteam/none team/none 1\n";
    // One of the parts fails.
    let of_part = |part: u32| {
        let run = Longshore::new().file("l.txt", list).args(["mirror", "-f", "l.txt"]).args(ends);
        run.arg(format!("--shard={part}/2")).run()
    };
    let failing = if of_part(1).file("f.txt").is_some() { 1 } else { 2 };
    let failed = of_part(failing).exits(1);
    let first = failed.file("f.txt").expect("there is a failed list");
    let whose = format!(" # run: l.txt (part {failing} of 2) to {}", pair.destination.address());
    assert!(first.lines().next().is_some_and(|line| line.ends_with(&whose)), "{first}");
    let again = |shard: &[&str]| {
        failed.again().args(["mirror", "-f", "l.txt"]).args(ends).args(shard).run()
    };
    let other = again(&[&format!("--shard={}/2", 3 - failing)]);
    assert_eq!(other.file("f.txt").as_ref(), Some(&first), "{}", other.stderr);
    other.complains("f.txt stays: it is of another run (l.txt (part ");
    again(&[])
        .exits(1)
        .complains("[WARN] f.txt had the failed entries of another run (l.txt (part ");
}

/// In one folder, the run B replaces the failed list of the run A. The command that was printed for A then reads
/// the list of B.
#[test]
fn a_command_of_another_run_is_told_from_the_list_s_own() {
    let pair = Pair::embedded();
    pair.source.push("team/late", "1", &image());
    let (first, second) = (pair.destination.address(), Registry::embedded());
    let (gone, source) = ("127.0.0.1:9", pair.source.address());
    let run = |run: &Run, arguments: &[&str]| run.again().args(arguments).run();
    let list = ["mirror", "-f", "b.txt", "-d", second.address(), "-s", gone];
    let b = Longshore::new().file("b.txt", "team/late team/late 1\n").args(list).run().exits(1);
    let kept = b.file(LIST).expect("there is a failed list");
    let other = format!("is the failed list of a run with --source={gone} --destination=");
    let commands = [
        vec!["mirror", "-f", LIST, "--list-format=mirror", "-d", first, "-s", source],
        vec!["mirror", "-f", LIST, "-d", first, "-s", source, "--dry-run"],
        vec!["mirror-validate", "-f", LIST, "-d", first, "-s", source],
    ];
    for command in &commands {
        let run = run(&b, command).exits(0).complains(&other);
        let run =
            run.complains(&format!("but this run has --source={source} --destination={first}"));
        assert_eq!(run.file(LIST).as_ref(), Some(&kept), "{command:?}: it is of B");
    }
    // Another source is another run too, even if the destination is the same.
    let same = ["mirror", "-f", LIST, "-d", second.address(), "-s", "localhost:9"];
    run(&b, &same).exits(1).complains("but this run has --source=localhost:9 --destination=");
    let repeated = b.repeated(LIST).exits(1);
    assert!(!repeated.stderr.contains("is the failed list of a run"), "{}", repeated.stderr);
}

#[test]
fn an_older_failed_list_is_removed_when_nothing_failed() {
    let pair = Pair::embedded();
    let old = "# failed list of longshore; repeat the run with: longshore\nx y z\n";
    let run = half_failed(&pair).file(LIST, old).run().exits(1);
    assert_eq!(body(&run, LIST)[1..], ["team/late  \tteam/late 1"], "the old one is replaced");
    pair.source.push("team/late", "1", &image());
    let run = half_failed(&pair).file(LIST, old).run().exits(0);
    assert_eq!(run.file(LIST), None);
    run.complains("removed mirror-failed.txt, the failed list of an earlier run");
}

#[test]
fn a_device_is_never_replaced() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).args(["-o", "/dev/null"]).run().exits(1);
    let kind = std::fs::symlink_metadata("/dev/null").expect("it is there").file_type();
    assert!(kind.is_char_device(), "/dev/null was replaced");
    assert!(!run.stdout.contains("repeat with"), "nothing can be repeated\n{}", run.stdout);
    assert_eq!(run.file(LIST), None, "it goes where -o says");

    let run = half_failed(&pair).args(["-o", "/dev/stdout"]).run().exits(1);
    let line = run.stdout.lines().any(|line| line == "team/late  \tteam/late 1");
    assert!(line, "standard output gets the list\n{}", run.stdout);
}

#[test]
fn a_dash_is_not_a_file() {
    let pair = Pair::embedded();
    for flags in [&["-o", "-"][..], &["-o-"], &["--failed=-"]] {
        for command in ["mirror", "mirror-validate"] {
            let run = pair.run(command, "team/late team/late 1\n").args(flags).run().exits(2);
            let run =
                run.complains("failed to write the failed list -: standard output has the report");
            let run = run.complains("hint: name a file, such as ./-, or /dev/stdout");
            assert_eq!(run.file("-"), None, "{command} {flags:?}");
        }
    }
    let run = half_failed(&pair).args(["-o", "./-"]).run().exits(1);
    assert_eq!(body(&run, "-")[1..], ["team/late  \tteam/late 1"]);
    assert!(run.repeated("./-").exits(1).file("-").is_some(), "the command names it");
}

#[test]
fn a_symlink_is_resolved() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).args(["-o", "link.txt"]).file("lists/left.txt", "old\n");
    symlink("lists/left.txt", run.directory().join("link.txt")).expect("a link can be made");
    let run = run.run().exits(1);
    let link = run.directory().join("link.txt");
    assert!(link.symlink_metadata().expect("it is there").is_symlink(), "the link was replaced");
    assert_eq!(body(&run, "lists/left.txt")[1..], ["team/late  \tteam/late 1"]);
}

#[test]
fn nothing_else_is_left_behind() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).run().exits(1);
    let files = std::fs::read_dir(run.directory()).expect("it is there");
    let mut names: Vec<_> = files.map(|file| file.expect("it can be read").file_name()).collect();
    names.sort();
    assert_eq!(names, ["images.txt", LIST]);
}

/// Mounts a folder `full` with one page and fills it.
const FULL: &str = "mkdir full; mount -t tmpfs -o size=4k none full; \
                    head -c 4096 /dev/zero > full/filler";

#[test]
fn a_full_disk_is_found_before_anything_is_copied() {
    let pair = Pair::embedded();
    let Some(run) = half_failed(&pair).args(["-o", "full/left.txt"]).mounting(FULL) else { return };
    let run = run.run().exits(2);
    assert_eq!(
        run.complaints(),
        [
            "[ERRO] failed to write the failed list full/left.txt: no storage space",
            "[ERRO] hint: name a writable file with -o, or write no list with -o /dev/null (--failed in mirror-charts)"
        ]
    );
    pair.assert_absent("team/app", "1");
}

/// There is space for the entries but not for their reasons.
#[test]
fn a_disk_that_gets_full_still_takes_the_entries() {
    let pair = Pair::embedded();
    let mut list = String::new();
    for number in 0..60 {
        list += &format!("team/missing team/missing {number}\n");
    }
    // The mount disappears with the namespace, so the script copies the list out of it.
    let script = "mkdir small; mount -t tmpfs -o size=4k none small; status=0; \
                  \"$@\" || status=$?; cat small/left.txt > copy.txt; exit $status";
    let run = pair.mirror(&list).args(["-o", "small/left.txt"]);
    let Some(run) = run.mounting(script) else { return };
    let run = run.run().exits(1);
    let text = run.file("copy.txt").expect("it was copied out of the mount");
    let entries: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(entries.len(), 60, "entries are lost:\n{text}");
    assert!(text.starts_with("# failed list of longshore; repeat the run with: "), "{text}");
}

#[test]
fn a_read_only_folder_is_found_before_anything_is_copied() {
    let pair = Pair::embedded();
    let run = half_failed(&pair).args(["-o", "fixed/left.txt"]);
    let mount = "mkdir fixed; mount -t tmpfs -o ro none fixed";
    let Some(run) = run.mounting(mount) else { return };
    let run = run.run().exits(2);
    assert_eq!(
        run.complaints(),
        [
            "[ERRO] failed to write the failed list fixed/left.txt: read-only filesystem or \
             storage medium",
            "[ERRO] hint: name a writable file with -o, or write no list with -o /dev/null (--failed in mirror-charts)"
        ]
    );
    pair.assert_absent("team/app", "1");
}

#[test]
fn a_folder_is_rejected_as_failed_list() {
    let pair = Pair::embedded();
    for (place, error) in [(".", "it is a directory"), ("no/such", "no such directory")] {
        let run = half_failed(&pair).args(["-o", place]).run().exits(2);
        let expected = format!("[ERRO] failed to write the failed list {place}: {error}");
        assert_eq!(run.complaints()[0], expected);
    }
    pair.assert_absent("team/app", "1");
}

#[test]
fn a_destination_without_a_registry_does_not_go_to_docker_hub() {
    let pair = Pair::embedded();
    let source = pair.source.address();
    for (list, rewrite) in [
        (format!("{source}/team/app team/app 1\n"), &[][..]),
        (format!("{source}/team/app app 1\n{source}/a {source}/b 1\n"), &[]),
        (
            format!("{source}/team/app team/app 1\n"),
            &["--rewrite", "prefix", "--plugin-config", "prefix.prefix=x"],
        ),
    ] {
        for command in ["mirror", "mirror-validate"] {
            let run = Longshore::new().arg(command).list(&list).args(rewrite).run().exits(2);
            let run = run.complains("names no registry");
            run.complains(
                "hint: give the destination registry with -d or DOCKER_REGISTRY, or name it, as",
            );
        }
    }
}

#[test]
fn a_failed_list_says_itself_what_it_is_in() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    source.push("team/app", "1", &image());
    let (from, to) = (source.address(), destination.address());
    let mark = "# failed list of longshore; repeat the run with: longshore mirror";
    for (format, lines) in [
        ("mirror", format!("# longshore: repositories=^team/\n{from} {to} *\n")),
        // One line does not tell the formats of lines apart.
        ("default", format!("{from}/team/app:1 # 1\n")),
        ("mirror", format!("# longshore: platforms=all\n{from}/team/app {to}/x/app 1\n")),
    ] {
        let list =
            format!("{mark} --file=f.txt --list-format={format} --destination={to}\n{lines}");
        let run = Longshore::new().mirror().list(&list).destination(to).run().exits(0);
        run.complains(&format!("is read as {format}"));
    }
    destination.assert_complete("team/app", "1");
    destination.assert_complete("x/app", "1");
    // A path or an unknown name in a comment loads nothing.
    for format in ["./evil.wasm", "none"] {
        let list = format!("{mark} --list-format={format}\n{from}/team/app team/again 1\n");
        let run = Longshore::new().mirror().list(&list).destination(to).run().exits(0);
        run.complains("is read as mirror");
    }
}
