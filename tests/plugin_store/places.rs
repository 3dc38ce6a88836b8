//! Folders and files that are not what longshore made, and several longshores at once.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use super::refusals::component;
use super::{installed, lock, mirror, pair, plugin, zarf};
use crate::support::{Longshore, Registry, Run};

/// The lock file, relative to the working directory.
const LOCK: &str = "../home/.config/longshore.lock";
/// The folder of this user's data.
const DATA: &str = "../home/.local/share/longshore";

fn with_zarf() -> Longshore {
    Longshore::new().file("zarf.wasm", zarf("1.0.0"))
}

/// Makes a pipe without a writer, which nobody may open to read.
fn pipe(path: &PathBuf) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
    assert!(made.success());
}

#[test]
fn components_are_kept_only_in_a_folder_of_the_user_s_own() {
    for odd in ["link", "open", "open above", "file"] {
        let run = with_zarf();
        let data = run.directory().join(DATA);
        std::fs::create_dir_all(&data).expect("a folder");
        let plugins = data.join("plugins");
        let elsewhere = run.directory().join("elsewhere");
        std::fs::create_dir(&elsewhere).expect("a folder");
        let everybody = || std::fs::Permissions::from_mode(0o777);
        match odd {
            "link" => symlink(&elsewhere, &plugins).expect("a link"),
            "file" => std::fs::write(&plugins, "").expect("a file"),
            _ => {
                std::fs::create_dir(&plugins).expect("a folder");
                let open = if odd == "open" { &plugins } else { &data };
                std::fs::set_permissions(open, everybody()).expect("it is open");
            }
        }
        let refused = plugin(run, &["add", "zarf.wasm", "--yes"]).run().exits(2);
        let refused = refused.complains("failed to keep components in ");
        assert_eq!(refused.file(LOCK), None, "{odd}: it was locked");
        assert_eq!(std::fs::read_dir(&elsewhere).expect("a folder").count(), 0, "{odd}");
        if plugins.is_dir() {
            assert_eq!(std::fs::read_dir(&plugins).expect("a folder").count(), 0, "{odd}");
        }
    }
}

#[test]
fn a_component_that_is_a_pipe_a_folder_or_a_device_is_not_read() {
    let run = installed();
    let path = run.directory().join(component(&run));
    for odd in ["pipe", "folder", "device"] {
        match odd {
            "pipe" => {
                std::fs::remove_file(&path).expect("it is there");
                pipe(&path);
            }
            "folder" => {
                std::fs::remove_file(&path).expect("it is there");
                std::fs::create_dir(&path).expect("a folder");
            }
            _ => {
                std::fs::remove_dir(&path).expect("it is there");
                symlink("/dev/zero", &path).expect("a link");
            }
        }
        let refused = mirror(run.again(), &pair()).arg("--locked").run().exits(2);
        let refused = refused.complains("it is not a regular file");
        assert_eq!(refused.stdout, "", "{odd}: something was done");
    }
    std::fs::remove_file(&path).expect("it is there");
    plugin(run.again(), &["prefetch"]).run().exits(0).complains("zarf was fetched");
    mirror(run.again(), &pair()).arg("--locked").run().exits(0);
}

#[test]
fn a_lock_file_that_is_odd_is_refused_by_every_command() {
    let run = installed();
    let path = run.directory().join(LOCK);
    let good = lock(&run);
    for (odd, why) in [
        ("pipe", "it is not a regular file"),
        ("folder", "it is not a regular file"),
        ("huge", "it has more than 4194304 bytes"),
        ("twice", "it occurs twice"),
        ("binary", "it is not UTF-8 text"),
        ("deep", "read the lock file "),
    ] {
        let _removed = std::fs::remove_file(&path);
        let _removed = std::fs::remove_dir(&path);
        let write = |text: &[u8]| std::fs::write(&path, text).expect("it is written");
        match odd {
            "pipe" => pipe(&path),
            "folder" => std::fs::create_dir(&path).expect("a folder"),
            "huge" => write(&[good.as_bytes(), &vec![b'\n'; 4 * 1024 * 1024]].concat()),
            "twice" => {
                let (head, one) = good.split_once("[[plugin]]").expect("a plugin");
                write(format!("{head}[[plugin]]{one}\n[[plugin]]{one}").as_bytes());
            }
            "binary" => write(b"version = 1\n# \xff\n"),
            _ => write(
                format!("version = 1\nx = {}{}\n", "[".repeat(9_000), "]".repeat(9_000)).as_bytes(),
            ),
        }
        for command in
            [&["list"][..], &["prefetch"], &["remove", "zarf"], &["add", "zarf.wasm", "--yes"]]
        {
            let refused = plugin(run.again(), command).run().exits(2);
            let refused = refused.complains("failed to read the lock file ").complains(why);
            refused.complains("hint: longshore writes this file");
        }
        mirror(run.again(), &pair()).run().exits(2).complains(why);
    }
}

#[test]
fn sources_of_a_lock_file_lead_nowhere_else() {
    let run = installed();
    let good = lock(&run);
    std::fs::remove_file(run.directory().join(component(&run))).expect("it is there");
    let secret = run.again().file("../secret.wasm", zarf("6.6.6"));
    drop(secret);
    for source in [
        "file:../../secret.wasm",
        "file:/etc/passwd",
        "file:/dev/zero",
        "file:.",
        "oci:../../x/zarf:1",
        "oci://127.0.0.1:9/p/zarf:1",
    ] {
        let line = good.lines().find(|line| line.starts_with("source = ")).expect("a source");
        let manifest = format!("manifest = \"sha256:{}\"", "0a".repeat(32));
        let manifest = if source.starts_with("oci:") { manifest.as_str() } else { "" };
        let lying = good.replace(line, &format!("source = \"{source}\"\n{manifest}"));
        let run = run.again().file(LOCK, &lying);
        let refused = plugin(run, &["prefetch"]).run().exits(1);
        assert!(refused.stderr.contains("[ERRO] failed to "), "{source}: {}", refused.stderr);
        let kept = refused.directory().join(DATA).join("plugins");
        assert_eq!(std::fs::read_dir(kept).expect("a folder").count(), 0, "{source} was kept");
        assert_eq!(lock(&refused), lying, "{source}: the lock file was changed");
    }
}

#[test]
fn escapes_in_a_lock_file_reach_no_terminal() {
    let run = installed();
    let good = lock(&run);
    for escape in ["\\u001b[2J", "\\u009b31m", "\\u202e", "\\n11:22:33 [INFO] forged", "\\r"] {
        let odd = good
            .replace("version = \"1.0.0\"", &format!("version = \"1{escape}\""))
            .replace("source = \"file:", &format!("source = \"file:{escape}"))
            .replace("imports = [", &format!("imports = [\"x{escape}\","))
            .replace(
                "probe-words = [",
                &format!("wants = [\"GET registry /{escape}\"]\nprobe-words = ["),
            );
        assert_eq!(odd.matches(escape).count(), 4, "the lock file is written otherwise: {odd}");
        drop(run.again().file(LOCK, odd));
        for command in [
            &["list"][..],
            &["info", "zarf"],
            &["prefetch"],
            &["update"],
            &["update", "zarf", "--yes"],
        ] {
            let said = plugin(run.again(), command).run();
            for text in [&said.stdout, &said.stderr] {
                let bad = ['\u{1b}', '\u{9b}', '\u{202e}', '\r'];
                assert!(!text.contains(bad), "{command:?}: {text:?}");
                assert!(!text.contains("\n11:22:33 [INFO] forged"), "{command:?}: {text}");
            }
        }
    }
}

#[test]
fn digests_of_a_lock_file_are_what_counts() {
    let Some(registry) = Registry::docker().start() else { return };
    let source = format!("oci://{}/p/zarf:1", registry.address());
    let author = plugin(with_zarf(), &["push", "zarf.wasm", &source]).run().exits(0);
    let run = plugin(author.again(), &["add", &source, "--yes"]).run().exits(0);
    let good = lock(&run);
    let line = |key: &str| good.lines().find(|line| line.starts_with(key)).expect("it is there");
    let other = "0a".repeat(32);
    for (old, new, used, prefetched) in [
        // The component decides for a run, and the manifest for fetching.
        (line("sha256 = "), format!("sha256 = \"{other}\""), 2, 1),
        (line("manifest = "), format!("manifest = \"sha256:{other}\""), 0, 0),
        (line("size = "), "size = 1".to_owned(), 0, 0),
    ] {
        let lying = good.replace(old, &new);
        assert_ne!(lying, good);
        drop(run.again().file(LOCK, &lying));
        let refused = mirror(run.again(), &pair()).arg("--locked").run().exits(used);
        if used == 2 {
            refused.complains("its component is not on this machine");
        }
        let fetched = plugin(run.again(), &["prefetch"]).run().exits(prefetched);
        if prefetched == 1 {
            fetched.complains(&format!("and the lock file says sha256:{other}"));
        }
        assert_eq!(lock(&run), lying, "{new}: the lock file was changed");
    }
    std::fs::remove_dir_all(run.directory().join(DATA)).expect("it is there");
    let lying = good.replace(line("manifest = "), &format!("manifest = \"sha256:{other}\""));
    drop(run.again().file(LOCK, lying));
    plugin(run.again(), &["prefetch"]).run().exits(1).complains(&other);
    assert!(!run.directory().join(DATA).exists(), "something was fetched");
}

/// Adds files at once in one directory, and returns the ends.
fn at_once(run: &Run, files: &[&str]) -> Vec<Run> {
    std::thread::scope(|scope| {
        let adding: Vec<_> = files
            .iter()
            .map(|file| {
                let add = plugin(run.again(), &["add", file, "--yes"]);
                scope.spawn(move || add.run())
            })
            .collect();
        adding.into_iter().map(|adding| adding.join().expect("no panic")).collect()
    })
}

#[test]
fn the_same_plugin_may_be_added_by_several_at_once() {
    let run = plugin(with_zarf(), &["list"]).run().exits(0);
    for added in at_once(&run, &["zarf.wasm"; 4]) {
        added.exits(0);
    }
    assert_eq!(lock(&run).matches("[[plugin]]").count(), 1);
    mirror(run.again(), &pair()).arg("--locked").run().exits(0);
}

#[test]
fn of_different_plugins_with_one_name_only_one_is_installed() {
    let files = ["a.wasm", "b.wasm", "c.wasm"];
    let longshore = files.iter().enumerate().fold(Longshore::new(), |longshore, (number, file)| {
        longshore.file(file, zarf(&format!("{number}.0.0")))
    });
    let run = plugin(longshore, &["list"]).run().exits(0);
    let ended = at_once(&run, &files);
    let done = ended.iter().filter(|run| run.exit == 0).count();
    assert_eq!(done, 1, "{:?}", ended.iter().map(|run| &run.stderr).collect::<Vec<_>>());
    for refused in ended.iter().filter(|run| run.exit != 0) {
        assert_eq!(refused.exit, 2);
        let said = ["another longshore has changed it meanwhile", "it is installed from file:"];
        assert!(said.iter().any(|said| refused.stderr.contains(said)), "{}", refused.stderr);
    }
    assert_eq!(lock(&run).matches("[[plugin]]").count(), 1);
    mirror(run.again(), &pair()).arg("--locked").run().exits(0);
}
