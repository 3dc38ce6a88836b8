//! Files and links that somebody else put where longshore writes by default, and who may read what it writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use longshore_content::Image;

use crate::support::{Longshore, Pair, Registry};

const LISTS: [(&str, &str); 2] =
    [("mirror", "mirror-failed.txt"), ("mirror-validate", "mirror-validate-failed.txt")];

/// Checks that a run refuses its default path before it does anything, and that -o is the way out.
#[track_caller]
fn refuses(command: &str, list: &str, what: &str, plant: impl Fn(&Path)) {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 100).build());
    let run = pair.run(command, "team/app team/app 1\nteam/late team/late 1\n");
    let folder = run.directory();
    fs::write(folder.join("notes"), "my notes\n").expect("it can be written");
    plant(&folder);
    let before = fs::symlink_metadata(folder.join(list)).expect("it is planted").file_type();
    let run = run.run().exits(2);
    let complaints = run.complaints();
    assert_eq!(complaints[0], format!("[ERRO] failed to write the failed list {list}: {what}"));
    assert!(complaints[1].contains("hint: ") && complaints[1].contains("-o"), "{complaints:?}");
    let after = fs::symlink_metadata(folder.join(list)).expect("it stays").file_type();
    assert_eq!(before, after, "{what}");
    assert_eq!(run.file("notes").as_deref(), Some("my notes\n"), "{what}");
    pair.assert_absent("team/app", "1");
    let flags = ["-s", pair.source.address(), "-d", pair.destination.address(), "-o", "other.txt"];
    let again = run.again().args([command, "-f", "images.txt"]).args(flags).run().exits(1);
    assert!(again.file("other.txt").is_some_and(|text| text.contains("\nteam/late ")), "{what}");
}

#[test]
fn the_default_failed_list_follows_no_link() {
    for (command, list) in LISTS {
        for target in ["notes", "none", "/dev/null", "../home/none"] {
            refuses(command, list, "it is a symbolic link", |folder| {
                symlink(target, folder.join(list)).expect("a link can be made");
            });
        }
    }
}

#[test]
fn the_default_failed_list_replaces_only_failed_lists() {
    for (command, list) in LISTS {
        let foreign = "it is not a failed list of longshore";
        refuses(command, list, foreign, |folder| {
            fs::write(folder.join(list), "team/notes\n").expect("it can be written");
        });
        refuses(command, list, foreign, |folder| {
            fs::hard_link(folder.join("notes"), folder.join(list)).expect("a link can be made");
        });
        refuses(command, list, "it is a pipe, a socket or a device", |folder| {
            let made = std::process::Command::new("mkfifo").arg(folder.join(list)).status();
            assert!(made.is_ok_and(|status| status.success()), "no pipe could be made");
        });
        refuses(command, list, "it is a directory", |folder| {
            fs::create_dir(folder.join(list)).expect("it can be made");
        });
    }
}

#[test]
fn the_hint_s_way_out_replaces_the_file() {
    let pair = Pair::embedded();
    let list = LISTS[0].1;
    let run = pair.mirror("team/late team/late 1\n").file(list, "my notes\n").run().exits(2);
    let run =
        run.complains("hint: move it away, or name another file with -o; -o mirror-failed.txt ");
    let flags = ["-s", pair.source.address(), "-d", pair.destination.address(), "-o", list];
    let run = run.again().mirror().args(["-f", "images.txt"]).args(flags).run().exits(1);
    assert!(run.file(list).is_some_and(|text| text.ends_with("\nteam/late team/late 1\n")));
    // By now it is ours.
    run.repeated(list).exits(1);
}

#[test]
fn the_default_output_of_convert_list_follows_no_link() {
    for target in ["notes", "none", "/dev/null"] {
        let run = Longshore::new().file("list", "team/app:1\n").file("notes", "my notes\n");
        symlink(target, run.directory().join("list.converted")).expect("a link can be made");
        let run = run.args(["convert-list", "-i", "list", "-y"]).run().exits(2);
        assert_eq!(
            run.complaints(),
            [
                "[ERRO] failed to write list.converted: it is a symbolic link",
                "[ERRO] hint: move it away, or name a file with -o"
            ]
        );
        assert_eq!(run.file("notes").as_deref(), Some("my notes\n"));
        assert_eq!(run.file("none"), None);
        let again = run.again().args(["convert-list", "-i", "list", "-y", "-o", "notes"]);
        let again = again.run().exits(0);
        assert_eq!(again.file("notes").as_deref(), Some("team/app team/app 1\n"));
    }
}

#[test]
fn lists_are_as_private_as_the_list_that_was_read() {
    for (mode, expected) in [(0o600, 0o600), (0o640, 0o600), (0o644, 0o644), (0o444, 0o644)] {
        let pair = Pair::embedded();
        for (command, list) in LISTS {
            let run = pair.run(command, "team/late:1\n");
            let images = run.directory().join("images.txt");
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(&images, permissions).expect("the owner may do so");
            let run = run.run().exits(1);
            assert_eq!(mode_of(&run.directory().join(list)), expected, "{mode:o} {command}");
            let again = run.repeated(list).exits(1);
            assert_eq!(mode_of(&again.directory().join(list)), expected, "{mode:o} {command}");
            let run = run.again().args(["convert-list", "-i", "images.txt"]).run().exits(0);
            let converted = run.directory().join("images.txt.converted");
            assert_eq!(mode_of(&converted), expected, "{mode:o} convert-list");
        }
    }
    let pair = Pair::embedded();
    let run = Longshore::new().mirror().stdin("team/late team/late 1\n").args(["-f", "-"]);
    let run = run.source(pair.source.address()).destination(pair.destination.address());
    let run = run.run().exits(1);
    assert_eq!(mode_of(&run.directory().join(LISTS[0].1)), 0o600, "a pipe is between two programs");
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn secrets_of_a_list_on_one_line_are_not_repeated() {
    let registry = Registry::embedded();
    let (from, secret) = (registry.address(), "s3cr3t");
    for (format, list) in [
        (
            "image-syncer",
            format!(
                r#"{{"auth":{{"{from}":{{"username":"u","password":"{secret}"}}}},"images":{{"{from}/a/b:1":"{from}/c/d","{from}/x:1":{{"a":1}}}}}}"#
            ),
        ),
        (
            "regsync",
            format!(
                "{{creds: [{{registry: {from}, user: u, pass: {secret}}}], sync: [{{source: {from}/a:1, \
                 target: {from}/b:1, type: image}}, {{source: {from}/a:1, target: {from}/b:1, type: \
                 'no such type'}}, 7]}}"
            ),
        ),
        (
            "dregsy",
            format!(
                "{{tasks: [{{source: {{registry: {from}, auth: {secret}}}, target: {{registry: {from}, auth: \
                 '{secret}'}}, mappings: [{{from: a, tags: ['semver: x y']}}, 7, {{from: 1, to: [2]}}]}}, 3]}}"
            ),
        ),
        (
            "skopeo-sync",
            format!(
                "{{'{from}': {{credentials: {{username: u, password: {secret}}}, images: {{a: ['1'], b: {{c: 1}}}}}}}}"
            ),
        ),
    ] {
        let run = Longshore::new().mirror().list(&list).args(["--list-format", format]);
        let run = run.destination("127.0.0.1:9").run().exits(1);
        let failed = run.file(LISTS[0].1).expect("there is a failed list");
        for text in [&failed, &run.stdout, &run.stderr] {
            assert!(!text.contains(secret), "{format} tells a secret:\n{text}");
        }
        assert!(failed.lines().any(|line| line.starts_with("? images.txt:1:")), "{failed}");
    }
    // The end of such a line is missing.
    let list = format!(r#"{{"auth":{{"a":{{"password":"{secret}"}}}},"images":{{"x":["#);
    let run = Longshore::new().mirror().list(&list).args(["--list-format", "image-syncer"]).run();
    assert!(!format!("{}{}", run.stdout, run.stderr).contains(secret), "{}", run.stderr);
}

/// A name with an account is not valid, whatever its format, so no run needs the account in the failed list.
#[test]
fn accounts_in_names_are_not_repeated() {
    let secret = "s3cr3t";
    for (format, list) in [
        ("image-syncer", format!("'u:{secret}@a.io:5000/b/c': d.io/e\n")),
        ("skopeo-sync", format!("'u:{secret}@a.io':\n  images: {{b/c: ['1']}}\n")),
        (
            "dregsy",
            format!(
                "tasks:\n- name: a\n  source: {{registry: 'u:{secret}@a.io:5000'}}\n  target: {{registry: d.io}}\n  \
                 mappings: [{{from: b}}]\n"
            ),
        ),
        (
            "compose",
            format!(
                "services:\n  a: {{image: 'u:{secret}@a.io:5000/b/c:1'}}\n  b: {{image: a.io/b:1}}\n"
            ),
        ),
        ("dockerfile", format!("FROM u:{secret}@a.io:5000/b/c:1\nFROM a.io/b:1\n")),
    ] {
        let run = Longshore::new().mirror().list(&list).args(["--list-format", format]);
        let run = run.destination("127.0.0.1:9").run().exits(1);
        let failed = run.file(LISTS[0].1).expect("there is a failed list");
        for text in [&failed, &run.stdout, &run.stderr] {
            assert!(!text.contains(secret), "{format} tells a secret:\n{text}");
        }
        assert!(failed.lines().count() > 1, "{format} is not repeated:\n{failed}");
    }
}

#[test]
fn a_manual_page_is_not_written_through_a_link() {
    let run = Longshore::new().args(["man", "pages"]);
    let folder = run.directory();
    fs::create_dir(folder.join("pages")).expect("it can be made");
    fs::write(folder.join("notes"), "my notes\n").expect("it can be written");
    symlink("../notes", folder.join("pages/longshore.1")).expect("a link can be made");
    let run = run.run().exits(0);
    assert_eq!(run.file("notes").as_deref(), Some("my notes\n"));
    assert!(run.file("pages/longshore.1").is_some_and(|page| page.contains("longshore")));
}

/// Permissions would not help, so the hint names the link.
#[test]
fn a_link_below_a_folder_is_named_as_the_cause() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/amd64").layer(1, 100).build());
    for link in ["team", "team/app", "team/app/blobs"] {
        let run = Longshore::new().mirror().list("team/app team/app 1\n");
        let folder = run.directory();
        let path = folder.join("images").join(link);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::create_dir(folder.join("elsewhere")).expect("it can be made");
        symlink(folder.join("elsewhere"), &path).expect("a link can be made");
        let run = run.source(pair.source.address()).args(["-d", "oci:images"]).run().exits(1);
        let _run =
            run.complains("lies behind a symbolic link").complains("replace the link by a folder");
        let found = fs::read_dir(folder.join("elsewhere")).expect("it is there").count();
        assert_eq!(found, 0, "{link}");
    }
}
