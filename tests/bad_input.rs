//! Invalid input: each error has one message with its position and a hint, and fails alone if
//! possible.

use longshore_content::{Content, Image};

use crate::support::{Longshore, Pair, Registry, Run};

const LIST: &str = "mirror-failed.txt";

fn image() -> Content {
    Image::new("linux/amd64").layer(1, 100).build()
}

/// Checks that a run ends with exit code 2 before it does anything.
#[track_caller]
fn refused(run: Longshore, error: &str, hint: &str) -> Run {
    let run = run.run().exits(2);
    let expected = [format!("[ERRO] failed to {error}"), format!("[ERRO] hint: {hint}")];
    assert_eq!(run.complaints(), expected, "{}", run.stderr);
    assert_eq!(run.stdout, "", "nothing was done, so there is nothing to report");
    assert_eq!(run.file(LIST), None, "no failed list is touched");
    run
}

/// Prepares a run of a list without registries. It sends no requests before the list is rejected.
fn of_list(text: impl AsRef<[u8]>) -> Longshore {
    let run = Longshore::new().mirror().file("images.txt", text);
    run.args(["-f", "images.txt"]).source("127.0.0.1:9").destination("127.0.0.1:9")
}

/// Returns the failed list without its command line.
fn failed(run: &Run) -> String {
    let text = run.file(LIST).expect("there is a failed list");
    text.split_once('\n').expect("it has lines").1.to_owned()
}

#[test]
fn unreadable_lists_are_rejected() {
    let read = |path: &str| Longshore::new().mirror().args(["-f", path, "-d", "127.0.0.1:9"]);
    refused(
        read("none.txt"),
        "read the image list none.txt: No such file or directory (os error 2)",
        "-f (convert-list: -i) names the file, and - is standard input",
    );
    refused(read("."), "read the image list .: it is a folder", "-f names a file");
    refused(
        of_list(b"image: \x89PNG\n\xff\xfe\n"),
        "read the image list images.txt: line 1 is not UTF-8 text",
        "save it as UTF-8",
    );
}

#[test]
fn an_invalid_or_overlong_line_fails_alone_and_is_kept() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let long = format!("team/app team/{} 1", "a".repeat(9000));
    let list = [
        &b"# caf\xe9 is fine in a comment\nteam/app team/app 1\nteam/\xe4pp team/a 1\n"[..],
        long.as_bytes(),
        b"\nteam/app team/second 1\n",
    ]
    .concat();
    let run = pair.mirror("").file("images.txt", list).run().exits(1);
    let run = run.sums_up("2 copied, 0 skipped, 2 failed");
    let run = run.complains("[ERRO] [M_ID:2] images.txt:3:6: it is not UTF-8 text");
    let run = run.complains("images.txt:4:10: the destination has 9005 bytes, at most 8192");
    let failed = std::fs::read(run.directory().join(LIST)).expect("there is a failed list");
    let lines: Vec<&[u8]> = failed.split(|byte| *byte == b'\n').collect();
    assert!(lines.contains(&&b"team/\xe4pp team/a 1"[..]), "{}", failed.escape_ascii());
    assert!(lines.contains(&long.as_bytes()), "the long line is missing");
    pair.assert_arrived("team/second", "1", &image());
}

#[test]
fn lists_without_an_entry() {
    let hint = "a line is \"SOURCE DESTINATION TAG\"; # and // start comments";
    for text in ["", "\n \t\r\n", "# a\n// b\n\n  # c", "\u{feff}# a"] {
        refused(of_list(text), "read the image list images.txt: it has no entries", hint);
    }
    let run = Longshore::new().mirror().destination("127.0.0.1:9");
    refused(run, "read the image list -: it has no entries", hint);
    let forced = of_list("# a\n").args(["--list-format", "mirror"]);
    refused(forced, "read the image list images.txt: it has no entries", hint);
}

#[test]
fn lists_in_no_known_format() {
    refused(
        of_list("images:\n  - one two three four\n"),
        "read the image list images.txt: no known format",
        "known formats are compose, cyclonedx, default, dockerfile, dregsy, hauler, image-syncer, kubernetes, mirror, \
         oc-mirror, regsync, skopeo-sync, spdx; --list-format forces one",
    );
}

#[test]
fn malformed_lines_are_named_with_their_column_and_the_rest_goes_on() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let list = "team/app team/app 1\n\
                one two\n\
                \tä/b c/d 1 surplus\n\
                a:1 b 1\n\
                a b@sha256:00 1\n\
                a b @sha256:00\n\
                a b 1:2\n";
    let run = pair.mirror(list).run().exits(1).sums_up("1 copied, 0 skipped, 6 failed");
    let hint = "hint: a line is \"SOURCE DESTINATION TAG\"; # and // start comments";
    let third = "column 3 must be a tag, sha256:DIGEST or TAG@sha256:DIGEST";
    let expected = [
        (2, "2:8: expected 3 columns (source, destination, tag), found 2"),
        (3, "3:12: expected 3 columns (source, destination, tag), found 4"),
        (4, "4:2: tag in column 1, it belongs in column 3"),
        (5, "5:4: digest in column 2, it belongs in column 3"),
        (6, &*format!("6:5: {third}")),
        (7, &*format!("7:5: {third}")),
    ];
    let mut lines: Vec<String> = expected
        .iter()
        .map(|(number, error)| format!("[ERRO] [M_ID:{number}] images.txt:{error}"))
        .collect();
    lines.insert(1, format!("[ERRO] [M_ID:2] {hint}"));
    assert_eq!(run.complaints(), lines, "each with its place, and the hint once");
    let failed = failed(&run);
    let entries: Vec<&str> = failed.lines().filter(|line| !line.starts_with('#')).collect();
    let originals: Vec<&str> = list.lines().skip(1).map(str::trim).collect();
    assert_eq!(entries, originals, "the lines as they stood");
    pair.assert_arrived("team/app", "1", &image());
}

#[test]
fn broken_references_fail_alone() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let list = "Team/app team/app 1\nteam/app team/App 1\nteam/app team/app -x\n\
                team//app team/app 1\nteam/app team/app 1\n";
    let run = pair.mirror(list).run().exits(1).sums_up("1 copied, 0 skipped, 4 failed");
    let complaints = run.complaints();
    let hint = "hint: a reference is [REGISTRY/]REPOSITORY, as in registry.example.com/team/app, \
                and a tag as in 1.0";
    let upper = "is invalid: it has an upper-case letter; repository names are lower-case";
    let expected = [
        format!(
            "[ERRO] [M_ID:1] images.txt:1: failed Team/app → team/app: source: repository \"Team/app\" {upper}"
        ),
        format!("[ERRO] [M_ID:1] {hint}"),
        format!(
            "[ERRO] [M_ID:2] images.txt:2: failed team/app → team/App: destination: repository \"team/App\" {upper}"
        ),
    ];
    assert_eq!(complaints[..3], expected);
    assert!(complaints[3].contains("images.txt:3: ") && complaints[3].contains("\"-x\""));
    assert!(complaints[4].contains("images.txt:4: ") && complaints[4].contains("\"team//app\""));
    pair.assert_arrived("team/app", "1", &image());
    assert!(failed(&run).contains("\nTeam/app team/app 1\n"), "{}", failed(&run));
}

#[test]
fn registries_with_a_scheme_or_a_path() {
    let run =
        |flag: &str, value: &str| Longshore::new().mirror().list("a b 1\n").args([flag, value]);
    for (flag, value, why, hint) in [
        ("-d", "https://r.io", "scheme", "write -d r.io"),
        ("-d", "https://r.io/team", "scheme", "write -d r.io"),
        (
            "-d",
            "http://r.io:80",
            "scheme",
            "write -d r.io:80 (plain HTTP is allowed by --tls-verify=false)",
        ),
        ("-d", "r.io/", "path", "write -d r.io"),
        (
            "-d",
            "r.io/team/x",
            "path",
            "write -d r.io --rewrite prefix --plugin-config prefix.prefix=team/x",
        ),
        ("-s", "https://r.io", "scheme", "write -s r.io"),
        ("-s", "r.io/team", "path", "write -s r.io; the path belongs in the list"),
    ] {
        let error = format!("use {flag} {value:?} as a registry: it has a {why}");
        refused(run(flag, value), &error, hint);
    }
    refused(
        Longshore::new().mirror().list("a b 1\n").env("DOCKER_REGISTRY", "https://r.io"),
        "use DOCKER_REGISTRY \"https://r.io\" as a registry: it has a scheme",
        "write DOCKER_REGISTRY=r.io",
    );
}

#[test]
fn the_hint_for_a_path_works() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let run = pair.mirror("team/app team/app 1\n");
    run.args(["--rewrite", "prefix", "--plugin-config", "prefix.prefix=a/b"]).run().exits(0);
    pair.assert_arrived("a/b/team/app", "1", &image());
}

#[test]
fn a_missing_source_image_fails_alone() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let run = pair.mirror("team/app team/app 2\nteam/app team/app 1\n").run().exits(1);
    let run = run.sums_up("1 copied, 0 skipped, 1 failed");
    let (source, destination) = (pair.source.address(), pair.destination.address());
    let error = format!(
        "source: fetch manifest {source}/team/app:2: not found (404): MANIFEST_UNKNOWN: \
         tag 2 is not in this repository"
    );
    assert_eq!(
        run.complaints(),
        [
            format!(
                "[ERRO] [M_ID:1] failed {source}/team/app:2 → {destination}/team/app:2: {error}"
            ),
            "[ERRO] [M_ID:1] hint: check the name and the tag; a private image answers so without \
             a credential too"
                .to_owned(),
        ]
    );
    assert_eq!(failed(&run), format!("# {error}\nteam/app team/app 2\n"));
    pair.assert_arrived("team/app", "1", &image());
}

#[test]
fn a_denied_push_says_which_credential_is_missing() {
    let Some(destination) = Registry::docker().htpasswd("jo", "secret").start() else { return };
    let source = Registry::embedded();
    source.push("team/app", "1", &image());
    let run = || {
        let run = Longshore::new().mirror().list("team/app team/app 1\n");
        run.source(source.address()).destination(destination.address())
    };
    let denied = run().run().exits(1).sums_up("0 copied, 0 skipped, 1 failed");
    let complaints = denied.complaints();
    assert!(complaints[0].contains(": destination: "), "{}", denied.stderr);
    assert!(complaints[0].contains("(401): UNAUTHORIZED"), "{}", denied.stderr);
    let (address, port) = (destination.address(), destination.address().rsplit_once(':'));
    let variable = format!("LONGSHORE_AUTH_127_0_0_1_{}", port.expect("it has a port").1);
    let hint = format!(
        "[ERRO] [M_ID:1] hint: at the destination, no credential was found for {address}; log in with \
         longshore login {address}, or set {variable}"
    );
    assert_eq!(complaints[1..], [hint]);
    assert!(failed(&denied).ends_with("\nteam/app team/app 1\n"), "{}", failed(&denied));

    let wrong = run().env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "wr0ng");
    let wrong = wrong
        .run()
        .exits(1)
        .complains("at the destination, check the credential for ")
        .complains(&format!(
            "[WARN] the credential for {} (from DOCKER_USERNAME and DOCKER_PASSWORD) was refused",
            destination.address()
        ));
    assert!(!format!("{}{}", wrong.stderr, failed(&wrong)).contains("wr0ng"), "a secret leaks");

    let right = run().env("DOCKER_USERNAME", "jo").env("DOCKER_PASSWORD", "secret");
    right.run().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    destination.assert_complete("team/app", "1");
}

#[test]
fn an_unreachable_host_fails_alone() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let source = pair.source.address();
    let list = format!("127.0.0.1:9/team/gone team/gone 1\n{source}/team/app team/app 1\n");
    let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
    let run = run.run().exits(1).sums_up("1 copied, 0 skipped, 1 failed");
    let run = run.complains("cannot reach 127.0.0.1:9: Connection refused");
    let hint =
        "[ERRO] [M_ID:1] hint: check the registry's name, the network and the proxy settings";
    assert_eq!(run.complaints()[1..], [hint]);
    assert!(failed(&run).ends_with("\n127.0.0.1:9/team/gone team/gone 1\n"), "{}", failed(&run));
    pair.assert_arrived("team/app", "1", &image());
}

#[test]
fn a_host_without_a_name_fails_alone() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let source = pair.source.address();
    let list = format!("no.such.invalid/x team/x 1\n{source}/team/app team/app 1\n");
    let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
    run.run().exits(1).sums_up("1 copied, 0 skipped, 1 failed").complains("no.such.invalid");
}

#[test]
fn two_sources_for_one_destination_stop_everything() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    pair.source.push("team/other", "1", &image());
    let (source, destination) = (pair.source.address(), pair.destination.address());
    refused(
        pair.mirror("team/app team/app 1\n# a\nx y 1\nteam/other team/app 1\n"),
        &format!(
            "plan lines 1 and 4: {source}/team/app:1 and {source}/team/other:1 would both become \
             {destination}/team/app:1"
        ),
        "give one of them another name or tag, or keep the paths apart with --rewrite",
    );
    refused(
        Longshore::new()
            .mirror()
            .list("one.io/team/app:1\ntwo.io/team/other:2\none.io/app:1\ntwo.io/library/app:1\n")
            .destination(destination),
        &format!(
            "plan lines 3 and 4: one.io/app:1 and two.io/library/app:1 would both become \
             {destination}/library/app:1"
        ),
        "give one of them another name or tag, or keep the paths apart with --rewrite",
    );
    pair.assert_absent("team/app", "1");
    // All of them are named, so that one correction is enough.
    refused(
        pair.mirror("a x 1\nb x 1\nc y 1\nd y 1\ne y 1\n"),
        &format!(
            "plan lines 1 and 2: {source}/a:1 and {source}/b:1 would both become \
             {destination}/library/x:1; so would lines 3 and 4, 3 and 5"
        ),
        "give one of them another name or tag, or keep the paths apart with --rewrite",
    );
}

#[test]
fn a_default_list_needs_a_destination() {
    let run = |variable: &str| {
        Longshore::new().mirror().list("team/app:1\n").env("DOCKER_REGISTRY", variable)
    };
    let error = "plan line 1: \"team/app\" has no destination registry";
    refused(run(""), error, "give the destination registry with -d or DOCKER_REGISTRY");
}

#[test]
fn an_entry_with_equal_source_and_destination_fails_alone() {
    let registry = Registry::embedded();
    registry.push("team/app", "1", &image());
    let list = "team/app team/app 1\nteam/app copy/app 1\n";
    let run = Longshore::new().mirror().list(list).source(registry.address());
    let run = run.destination(registry.address()).run().exits(1);
    let run = run.sums_up("1 copied, 0 skipped, 1 failed");
    let reference = format!("{}/team/app:1", registry.address());
    assert_eq!(
        run.complaints(),
        [
            &*format!(
                "[ERRO] [M_ID:1] images.txt:1: failed {reference} → {reference}: source and \
                 destination are the same"
            ),
            "[ERRO] [M_ID:1] hint: give another destination registry with -d",
        ]
    );
    assert_eq!(failed(&run), "# source and destination are the same\nteam/app team/app 1\n");
}

#[test]
fn half_a_credential() {
    for (set, unset) in
        [("DOCKER_USERNAME", "DOCKER_PASSWORD"), ("DOCKER_PASSWORD", "DOCKER_USERNAME")]
    {
        let run = refused(
            of_list("a b 1\n").env(set, "s3cret").env(unset, ""),
            &format!("use the credential of the environment: {set} is set and {unset} is not"),
            "set both or neither",
        );
        assert!(!run.stderr.contains("s3cret"), "a secret leaks: {}", run.stderr);
    }
}

#[test]
fn a_registry_that_never_answers_does_not_hold_up_the_rest() {
    // It accepts connections and never responds, so the test must end the run.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let silent_host = silent.local_addr().expect("it listens").to_string();
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image());
    let source = pair.source.address();
    let list = format!("{silent_host}/a team/a 1\n{source}/team/app team/app 1\n");
    let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
    let running = run.start();
    running.line(|line| line.contains("[M_ID:2] copied").then_some(()));
    running.interrupt();
    let run = running.finish().exits(130);
    assert!(failed(&run).ends_with(&format!("\n{silent_host}/a team/a 1\n")), "{}", failed(&run));
    pair.assert_arrived("team/app", "1", &image());
}

#[test]
fn an_archive_is_not_taken_for_a_registry() {
    for (flag, name) in [
        ("-s", "saved.zip"),
        ("-s", "./saved.zip"),
        ("-d", "images.tar.gz"),
        ("-s", "a.TAR"),
        ("-d", "b.tgz"),
    ] {
        for command in ["mirror", "mirror-validate"] {
            let run = Longshore::new().file(name, "PK").args([command, flag, name]);
            let run = run.list("team/app team/app 1\n").run().exits(2);
            let run = run.complains("it is an archive, which longshore cannot read");
            run.complains("extract it and write").complains("in place of hangar save");
        }
    }
    let run = Longshore::new().file("saved.zip", "PK").args(["inspect", "a:1", "-s", "saved.zip"]);
    run.run().exits(2).complains("it is an archive");
    // No host has such a name, whether the file exists or not.
    for name in ["images.tar.gz", "a.tar", "b.TGZ", "c.tar.zst"] {
        let run = Longshore::new().mirror().list("team/app team/app 1\n").source("127.0.0.1:9");
        run.destination(name).run().exits(2).complains("it is an archive");
    }
    // Without such a file it is a name, which does not exist.
    let run = Longshore::new().mirror().list("team/app team/app 1\n").source("127.0.0.1:9.zip");
    assert!(!run.destination("127.0.0.1:9").run().exits(2).stderr.contains("archive"));
}
