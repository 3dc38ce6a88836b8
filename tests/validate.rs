//! `mirror-validate`, and the JSON and YAML documents of both commands.

mod agrees;
mod damage;
mod mend;
mod messages;
mod referrers;
mod requests;

use longshore_content::{Content, Image, Index};
use serde_json::{Value, json};

use crate::support::{Longshore, Pair};

const LIST: &str = "mirror-validate-failed.txt";

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

#[test]
fn a_missing_and_a_moved_tag_are_found() {
    let pair = Pair::embedded();
    let list = "team/app team/app good\nteam/app team/app missing\nteam/app team/app moved\n\
                team/app team/app gone\n";
    for tag in ["good", "missing", "moved"] {
        pair.source.push("team/app", tag, &image(1));
    }
    pair.destination.push("team/app", "good", &image(1));
    pair.destination.push("team/app", "moved", &image(2));
    let run = pair.validate(list).args(["-j", "1"]).run().exits(1);
    let run = run.sums_up("1 valid, 0 skipped, 3 failed");
    let moved = format!(
        "Validate failed: source digest \"{}\" != dest digest \"{}\"",
        image(1).digest(),
        image(2).digest()
    );
    let gone = format!(
        "Validate failed: source: fetch manifest {}/team/app:gone: not found (404): \
         MANIFEST_UNKNOWN: tag gone is not in this repository",
        pair.source.address()
    );
    let failed = run.file(LIST).expect("there is a failed list");
    let expected = [
        "# Validate failed: destination manifest does not exists",
        "team/app team/app missing",
        &format!("# {moved}"),
        "team/app team/app moved",
        &format!("# {gone}"),
        "team/app team/app gone",
    ];
    assert_eq!(failed.lines().skip(1).collect::<Vec<_>>(), expected);
    let run = run.complains("[M_ID:2]").complains("hint: missing: it was not mirrored yet");
    let verdicts = "of the failed: 1 missing, 1 altered, 1 not compared\n";
    assert!(run.stdout.contains(verdicts), "{}", run.stdout);
    assert!(run.stdout.contains("/team/app:gone: not compared\n  "), "{}", run.stdout);

    pair.source.push("team/app", "gone", &image(1));
    pair.mirror(list).run().exits(0).sums_up("3 copied, 1 skipped, 0 failed");
    let again = run.repeated(LIST).exits(0).sums_up("3 valid, 0 skipped, 0 failed");
    assert_eq!(again.file(LIST), None, "nothing failed any more");
}

#[test]
fn mirror_validate_has_an_alias() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let alias = || pair.run("mirror validate", "team/app team/app 1\n");
    alias().run().exits(1).complains("destination manifest does not exists");
    pair.mirror("team/app team/app 1\n").run().exits(0);
    alias()
        .args(["-o", "left.txt", "--deep"])
        .run()
        .exits(0)
        .sums_up("1 valid, 0 skipped, 0 failed");
}

#[test]
fn the_failed_list_of_validate_is_a_list_for_mirror() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &image(1));
    let run = pair.validate("team/app team/app 1\n").args(["-o", "left.txt"]).run().exits(1);
    let mirror = run.again().mirror().args(["-f", "left.txt"]).source(pair.source.address());
    mirror.destination(pair.destination.address()).run().exits(0);
    pair.assert_arrived("team/app", "1", &image(1));
}

#[test]
fn validate_expects_what_mirror_writes_with_the_same_flags() {
    let pair = Pair::embedded();
    let arm = Image::new("linux/arm64").layer(3, 10).build();
    let s390x = Image::new("linux/s390x").layer(4, 10).build();
    let index = Index::oci().child(&image(1)).child(&arm).child(&s390x).build();
    let digest = index.digest().to_owned();
    let flags: [&[&str]; 4] = [
        &[],
        &["-a", "s390x"],
        &["--index", "docker", "-a", "all", "--os", "all"],
        &[
            "--index",
            "oci",
            "-a",
            "arm64",
            "--rewrite",
            "prefix",
            "--plugin-config=prefix.prefix=it",
        ],
    ];
    pair.source.push("team/app", "1", &index);
    pair.source.push("team/single", "1", &image(1));
    for (number, flags) in flags.iter().enumerate() {
        let list = format!(
            "team/app case{number}/app 1\nteam/single case{number}/single 1\n\
             team/app case{number}/pinned {digest}\n"
        );
        pair.mirror(&list).args(*flags).run().exits(0);
        pair.validate(&list).args(*flags).run().exits(0);
    }
    pair.validate("team/app case0/app 1\n").args(flags[1]).run().exits(1);
}

#[test]
fn validate_skips_what_mirror_skipped() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &Image::new("linux/s390x").build());
    let validate = || pair.validate("team/app team/app 1\n");
    let run = validate().run().exits(0).sums_up("0 valid, 1 skipped, 0 failed");
    assert_eq!(run.complaints().len(), 1, "a warning:\n{}", run.stderr);
    validate().arg("--no-arch-os-fail").run().exits(1);
}

/// Removes the numbers that differ between runs from the document.
fn shape(mut document: Value) -> Value {
    assert!(document["seconds"].take().is_f64(), "seconds are a number");
    assert!(document["pausedSeconds"].take().is_f64(), "seconds are a number");
    let saved = ["mountedBytes", "presentBytes", "sharedBytes"];
    let sums = saved.map(|figure| document[figure].take().as_u64().expect("a number"));
    for figure in ["retries", "pauses"] {
        assert_eq!(document[figure].take(), json!(0), "{figure}");
    }
    assert_eq!(document["registries"].take(), json!([]), "no registry needed a retry");
    let document_of = document.as_object_mut().expect("an object");
    let failed_list = document_of.remove("failedList").expect("the failed list");
    let repeat = document_of.remove("repeat").expect("the command that repeats the run");
    let (failed_list, repeat) = (failed_list.as_str().unwrap(), repeat.as_str().unwrap());
    assert!(repeat.contains(&format!("--file={failed_list}")), "{repeat}");
    check_timeline(&document["timeline"].take(), sums.iter().sum());
    let total = document["bytes"].take();
    let entries = document["entries"].as_array_mut().expect("entries are a list");
    let sum: u64 = entries.iter().map(|entry| entry["bytes"].as_u64().expect("a number")).sum();
    assert_eq!(total, sum, "the bytes of the entries add up");
    for (figure, sum) in saved.into_iter().zip(sums) {
        let of_entries = entries.iter().map(|entry| entry[figure].as_u64().expect("a number"));
        assert_eq!(sum, of_entries.sum::<u64>(), "{figure} of the entries add up");
    }
    for entry in entries {
        entry["bytes"] = json!(entry["bytes"] != json!(0));
        entry["hint"] = json!(entry["hint"].is_string());
        let fields = entry.as_object_mut().expect("an entry is an object");
        let seconds = fields.remove("seconds").and_then(|seconds| seconds.as_f64());
        let ran = !fields.contains_key("column");
        assert_eq!(seconds.expect("a number") > 0.0, ran, "{fields:?}");
        saved.iter().for_each(|figure| drop(fields.remove(*figure)));
    }
    document
}

/// Checks that the timeline has all ended entries, and the bytes that were saved.
fn check_timeline(timeline: &Value, saved: u64) {
    assert!(timeline["startedAt"].as_str().is_some_and(|time| time.ends_with('Z')), "{timeline}");
    assert!(timeline["intervalSeconds"].as_f64().is_some_and(|length| length > 0.0), "{timeline}");
    let sum = |list: &str| {
        let numbers = timeline[list].as_array().expect("a list");
        numbers.iter().map(|number| number.as_u64().expect("a number")).sum::<u64>()
    };
    assert_eq!((sum("ended"), sum("savedBytes")), (4, saved), "{timeline}");
    assert_eq!(timeline["pauses"], json!([]), "{timeline}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "whole documents are compared")]
fn the_documents_have_the_promised_fields() {
    let pair = Pair::embedded();
    let s390x = Image::new("linux/s390x").layer(1, 10).build();
    let index = Index::oci().child(&image(1)).child(&s390x).build();
    let kept = Index::oci().child(&image(1)).build();
    pair.source.push("team/app", "1", &image(1));
    pair.source.push("team/app", "2", &index);
    let list = "# a\nteam/app team/app 1\n\nteam/app team/app 2\nteam/app team/app 3\nhalf line\n";
    let (source, destination) = (pair.source.address(), pair.destination.address());
    let missing = format!(
        "source: fetch manifest {source}/team/app:3: not found (404): MANIFEST_UNKNOWN: tag 3 is \
         not in this repository"
    );
    let keeps = "the platform filter keeps 1 of 2 manifests (arch amd64,arm64, os linux,windows)";
    let expected = |status: &str, moved: bool, reasons: [Option<&str>; 2], prefix: &str| {
        let entry = |line: u32, tag: u32, digests: [Option<&str>; 2]| {
            json!({
                "line": line,
                "source": format!("{source}/team/app:{tag}"),
                "destination": format!("{destination}/team/app:{tag}"),
                "status": if digests[0].is_some() { status } else { "failed" },
                "hint": digests[0].is_none(),
                "sourceDigest": digests[0],
                "destinationDigest": digests[1],
                "bytes": moved && digests[0].is_some(),
            })
        };
        let image = image(1);
        let mut first = entry(2, 1, [Some(image.digest()); 2]);
        let mut second = entry(4, 2, [Some(index.digest()), Some(kept.digest())]);
        for (entry, reason) in [&mut first, &mut second].into_iter().zip(reasons) {
            if let Some(reason) = reason {
                entry["reason"] = json!(reason);
            }
        }
        second["digestChange"] = json!(keeps);
        let mut third = entry(5, 3, [None, None]);
        third["error"] = json!(format!("{prefix}{missing}"));
        let fourth = json!({
            "line": 6,
            "column": 10,
            "source": "half line",
            "destination": "",
            "status": "failed",
            "sourceDigest": null,
            "destinationDigest": null,
            "bytes": false,
            "hint": true,
            "error": "expected 3 columns (source, destination, tag), found 2",
        });
        let done = if status == "skipped" { 0 } else { 2 };
        let mut document = json!({
            "entries": [first, second, third, fourth],
            "skipped": 2 - done,
            "failed": 2,
            "bytes": null,
            "seconds": null,
            "mountedBytes": null,
            "presentBytes": null,
            "sharedBytes": null,
            "retries": null,
            "pauses": null,
            "pausedSeconds": null,
            "registries": null,
            "timeline": null,
        });
        let counts = match status {
            "valid" => &["missing", "movedOn", "altered", "broken"][..],
            _ => &[],
        };
        let word = if status == "skipped" { "copied" } else { status };
        document[word] = json!(done);
        for count in counts {
            document[count] = json!(0);
        }
        document
    };
    let changed = format!("digest changed: {keeps}");
    let there = Some("already at the destination");
    let json_of = |run: Longshore| shape(run.args(["--output", "json"]).run().exits(1).json());
    let yaml_of = |run: Longshore| {
        let run = run.args(["--output=yaml"]).run().exits(1);
        assert!(!run.stdout.contains(" [ERRO] "), "log lines on standard output:\n{}", run.stdout);
        shape(serde_saphyr::from_str(&run.stdout).expect("it is YAML"))
    };
    let first = expected("copied", true, [None, Some(&changed)], "");
    assert_eq!(json_of(pair.mirror(list)), first, "mirror");
    let second = expected("skipped", false, [there; 2], "");
    assert_eq!(yaml_of(pair.mirror(list)), second, "mirror again");
    let valid = expected("valid", false, [None; 2], "Validate failed: ");
    assert_eq!(json_of(pair.validate(list)), valid, "mirror-validate");
    assert_eq!(yaml_of(pair.validate(list)), valid, "mirror-validate in YAML");
}
