//! The one command that mends everything that `mirror-validate` found.

use longshore_content::{Content, Image, Index};
use serde_json::Value;

use crate::support::{Pair, Run};

const TAGS: [&str; 6] = ["good", "absent", "moved", "foreign", "lost", "gone"];

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

fn list() -> String {
    TAGS.map(|tag| format!("team/{tag} team/{tag} 1\n")).concat()
}

/// Returns the statuses of the entries, in the order of the list.
fn statuses(run: &Run) -> Vec<String> {
    let document = run.json();
    let entries = document["entries"].as_array().expect("there are entries").iter();
    entries.map(|entry| entry["status"].as_str().expect("a status").to_owned()).collect()
}

/// Damages one tag in each way, at a destination that held all of them.
fn damaged(pair: &Pair) {
    for (seed, tag) in (1..).zip(TAGS) {
        if tag != "gone" {
            pair.source.push(&format!("team/{tag}"), "1", &image(seed));
        }
        if tag != "absent" {
            pair.destination.push(&format!("team/{tag}"), "1", &image(seed));
        }
    }
    pair.source.push("team/moved", "1", &image(30));
    pair.destination.push("team/foreign", "1", &image(40));
    let layer = image(5).blobs()[1].digest().to_owned();
    std::fs::remove_file(pair.destination.stored("team/lost", &layer)).expect("it is there");
}

#[test]
fn one_command_mends_all_kinds_and_statuses_name_them() {
    let pairs = [Some(Pair::embedded()), Pair::docker()];
    for pair in pairs.into_iter().flatten() {
        damaged(&pair);
        let json = pair.validate(&list()).args(["--output", "json"]).run().exits(1);
        let expected = ["valid", "missing", "moved-on", "altered", "broken", "failed"];
        assert_eq!(statuses(&json), expected);
        let document = json.json();
        let counts = ["valid", "missing", "movedOn", "altered", "broken", "skipped", "failed"];
        let counts = counts.map(|name| document[name].as_u64().expect("a number"));
        assert_eq!(counts, [1, 1, 1, 1, 1, 0, 5]);
        assert_eq!(document["copied"], Value::Null, "nothing was copied");
        let command = document["mend"].as_str().expect("a command");
        assert_eq!(document["entries"][1]["mend"], command);

        let text = pair.validate(&list()).run().exits(1);
        let text = text.sums_up("1 valid, 0 skipped, 5 failed");
        let verdicts = "of the failed: 1 missing, 1 moved-on, 1 altered, 1 broken, 1 not compared";
        assert!(text.stdout.contains(verdicts), "{}", text.stdout);
        assert_eq!(text.mend_command(), command);
        assert!(command.ends_with(" --list-format=mirror"), "{command}");
        assert!(command.contains("--force-recursive") && !command.contains("--deep"), "{command}");
        assert_eq!(text.stdout.matches("longshore mirror ").count(), 1, "one:\n{}", text.stdout);
        // The source of the last entry is gone for good.
        text.repaired().exits(1).sums_up("4 copied, 0 skipped, 1 failed");
        let json = pair.validate(&list()).args(["--output", "json"]).run().exits(1);
        assert_eq!(statuses(&json), ["valid", "valid", "valid", "valid", "valid", "failed"]);
        assert_eq!(json.json()["mend"], Value::Null, "no command mends a lost source");
    }
}

#[test]
fn the_command_trusts_the_destination_unless_something_is_broken() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let run = pair.validate("team/app team/app 1\n").arg("--deep").run().exits(1);
    let command = run.mend_command();
    assert!(!command.contains("--force-recursive") && !command.contains("--deep"), "{command}");
    run.repaired().exits(0);
    pair.validate("team/app team/app 1\n").run().exits(0);
}

#[test]
fn corrupt_content_that_a_registry_keeps_is_never_said_to_be_copied() {
    let image = image(1);
    let flip = |bytes: &mut Vec<u8>| bytes[0] ^= 1;
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(9);
    for (blob, change) in [(0, flip as fn(&mut Vec<u8>)), (1, flip), (1, cut)] {
        let Some(pair) = Pair::docker() else { return };
        pair.source.push("team/app", "1", &image);
        let list = "team/app team/app 1\n";
        pair.mirror(list).run().exits(0);
        let path = pair.destination.stored("team/app", image.blobs()[blob].digest());
        let mut bytes = std::fs::read(&path).expect("it is there");
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("it can be changed");

        let validate = || pair.validate(list).arg("--deep").run();
        let run = validate().exits(1).sums_up("0 valid, 0 skipped, 1 failed");
        assert!(run.stdout.contains("team/app:1: broken\n"), "{}", run.stdout);
        assert!(run.mend_command().contains(" --deep "), "{}", run.mend_command());
        let mending = run.repaired().exits(1).sums_up("0 copied, 0 skipped, 1 failed");
        mending.complains("hint: most registries ").complains("from the registry's storage");
        validate().exits(1);

        std::fs::remove_file(&path).expect("it is there");
        run.repaired().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
        validate().exits(0).sums_up("1 valid, 0 skipped, 0 failed");
    }
}

/// docker-registry does not send a manifest that is not JSON.
#[test]
fn a_manifest_that_a_registry_cannot_read_has_a_way_out() {
    let Some(pair) = Pair::docker() else { return };
    let index = Index::oci().child(&image(1)).child(&image(2)).build();
    pair.source.push("team/app", "1", &index);
    let list = "team/app team/app 1\n";
    pair.mirror(list).run().exits(0);
    let path = pair.destination.stored("team/app", image(2).digest());
    std::fs::write(&path, "no JSON").expect("it can be changed");
    let hint =
        "hint: the log of the registry says why; if its storage has damaged the manifest, delete";
    let run = pair.validate(list).args(["--deep", "--retries=0"]).run().exits(1).complains(hint);
    assert!(run.stderr.contains(&format!("/{})", image(2).digest().replace("sha256:", ""))));
    let mend = || pair.mirror(list).args(["--force-recursive", "--retries=0"]).run();
    mend().exits(1).complains(hint);
    std::fs::remove_file(&path).expect("it is there");
    mend().exits(0).sums_up("1 copied, 0 skipped, 0 failed");
    pair.validate(list).arg("--deep").run().exits(0).sums_up("1 valid, 0 skipped, 0 failed");
}

#[test]
fn a_forced_run_tells_what_it_mended_from_what_it_checked() {
    let pair = Pair::embedded();
    let arm = Image::new("linux/arm64").layer(2, 50).build();
    let index = Index::oci().child(&image(1)).child(&arm).build();
    pair.source.push("team/app", "1", &index);
    pair.source.push("team/single", "1", &image(3));
    let list = "team/app team/app 1\nteam/single team/single 1\n";
    pair.mirror(list).run().exits(0).sums_up("2 copied, 0 skipped, 0 failed");
    let lose = |repository: &str, digest: &str| {
        let hex = digest.strip_prefix("sha256:").expect("it is SHA-256");
        let path = pair.destination.directory().join(repository).join("blobs/sha256").join(hex);
        std::fs::remove_file(path).expect("it is there");
    };
    for flag in ["--force-recursive", "--deep"] {
        let sound = pair.mirror(list).arg(flag).run().exits(0);
        let sound = sound.sums_up("0 copied, 2 skipped, 0 failed");
        sound.complains("checked; the destination has everything");
        let document = pair.mirror(list).args([flag, "--output=json"]).run().exits(0).json();
        assert_eq!((&document["bytes"], &document["skipped"]), (&0.into(), &2.into()));
        lose("team/app", arm.blobs()[1].digest());
        let mended = pair.mirror(list).arg(flag).run().exits(0);
        let mended = mended.sums_up("1 copied, 1 skipped, 0 failed");
        mended.complains("[M_ID:1] copied ").complains("mended: 1 blob sent again");
        lose("team/app", arm.digest());
        let mended = pair.mirror(list).arg(flag).run().exits(0);
        mended.sums_up("1 copied, 1 skipped, 0 failed").complains("mended: 1 manifest sent again");
        pair.destination.assert_complete("team/app", "1");
    }
    // Two repositories with the same blobs: a mount from one to the other would succeed, and mend nothing.
    let twins = "team/single team/single 1\nteam/single team/twin 1\nteam/single team/third 1\n";
    pair.mirror(twins).run().exits(0).sums_up("2 copied, 1 skipped, 0 failed");
    for flag in ["--force-recursive", "--deep"] {
        let sound = pair.mirror(twins).arg(flag).run().exits(0);
        sound.sums_up("0 copied, 3 skipped, 0 failed");
        lose("team/twin", image(3).blobs()[1].digest());
        let mended = pair.mirror(twins).arg(flag).run().exits(0);
        mended.sums_up("1 copied, 2 skipped, 0 failed").complains("mended: 1 blob sent again");
        pair.destination.assert_complete("team/twin", "1");
    }
    // What was never there is copied as ever.
    let first = pair.mirror("team/single new/single 1\n").arg("--force-recursive").run().exits(0);
    assert!(!first.stderr.contains("mended"), "{}", first.stderr);
    first.sums_up("1 copied, 0 skipped, 0 failed");
}
