//! `--shard`: several runs share a list.

use longshore_content::{Content, Image};
use serde_json::Value;

use crate::support::{Longshore, Pair};

fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(seed, 100).build()
}

/// A list of 12 repositories with two tags each.
fn list() -> String {
    let line = |number: u64| {
        let repository = number % 12;
        format!("team/app-{repository} copies/app-{repository} {number}\n")
    };
    (0..24).map(line).collect()
}

fn filled() -> Pair {
    let pair = Pair::embedded();
    for number in 0..24 {
        pair.source.push(&format!("team/app-{}", number % 12), &number.to_string(), &image(number));
    }
    pair
}

/// The destinations of a JSON report.
fn destinations(report: &Value) -> Vec<String> {
    let entries = report["entries"].as_array().expect("the report has entries");
    let text = |entry: &Value| entry["destination"].as_str().expect("it is text").to_owned();
    entries.iter().map(text).collect()
}

#[test]
fn the_parts_of_a_list_are_disjoint_and_together_everything() {
    let pair = filled();
    let mut all: Vec<String> = Vec::new();
    for part in 1..=3 {
        let shard = format!("--shard={part}/3");
        let run = pair.mirror(&list()).args([&shard, "--output=json"]).run().exits(0);
        let run = run.complains(&format!("part {part} of 3: "));
        let report = run.json();
        assert_eq!(report["shard"], format!("{part}/3"));
        let part = destinations(&report);
        assert!(part.len() < 24 && part.len().is_multiple_of(2), "a repository is not divided");
        all.extend(part);
    }
    all.sort();
    let count = all.len();
    all.dedup();
    assert_eq!((count, all.len()), (24, 24));
    pair.validate(&list()).run().exits(0).sums_up("24 valid, 0 skipped, 0 failed");
    let run = pair.validate(&list()).arg("--shard=2/3").run().exits(0);
    run.sums_up(&format!("part 2 of 3: {} valid, 0 skipped, 0 failed", part_of(&pair, 2)));
}

/// The number of entries of a part of three.
fn part_of(pair: &Pair, part: u32) -> usize {
    let shard = format!("--shard={part}/3");
    let run = pair.mirror(&list()).args([&shard, "--output=json", "--dry-run"]).run().exits(0);
    destinations(&run.json()).len()
}

#[test]
fn each_part_has_a_failed_list_of_its_own() {
    let pair = Pair::embedded();
    let mut lines = Vec::new();
    for part in 1..=2 {
        let run = pair.mirror(&list()).arg(format!("--shard={part}/2")).run().exits(1);
        assert_eq!(run.file("mirror-failed.txt"), None);
        let name = format!("mirror-failed.{part}-of-2.txt");
        let failed = run.file(&name).expect("there is a failed list");
        let first = failed.lines().next().expect("it is not empty");
        assert!(first.contains(&format!("--shard={part}/2")), "{first}");
        let entries = failed.lines().filter(|line| !line.starts_with('#'));
        lines.extend(entries.map(|line| format!("{line}\n")));
        let again = run.repeated(&name).exits(1);
        assert_eq!(
            again.file(&name).map(|again| again.lines().count()),
            Some(failed.lines().count())
        );
    }
    lines.sort();
    let mut expected: Vec<String> = list().lines().map(|line| format!("{line}\n")).collect();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn a_named_failed_list_stays_where_it_was_put() {
    let pair = Pair::embedded();
    let run = pair.mirror("team/app team/app 1\n").args(["--shard=1/1", "-o", "left.txt"]).run();
    let run = run.exits(1).sums_up("part 1 of 1: 0 copied, 0 skipped, 1 failed");
    assert!(run.file("left.txt").is_some());
}

#[test]
fn tags_selected_by_pattern_are_shared_too() {
    let pair = filled();
    let list = format!(
        "{}:\n  images-by-tag-regex:\n    team/app-1: '^[0-9]+$'\n    team/app-2: '.'\n  images:\n    team/app-3: []\n",
        pair.source.address()
    );
    let mut all = Vec::new();
    for part in 1..=2 {
        let run = Longshore::new().mirror().list(&list).destination(pair.destination.address());
        let run = run.args([&format!("--shard={part}/2"), "--output=json"]).run().exits(0);
        all.extend(destinations(&run.json()));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6, "{all:?}");
}

#[test]
fn a_part_that_is_not_one_is_refused() {
    let pair = Pair::embedded();
    for wrong in ["0/3", "4/3", "3", "a/b", "1/0", "-1/3"] {
        let run = pair.mirror(&list()).arg(format!("--shard={wrong}")).run().exits(2);
        run.complains("it must be K/N, such as 2/5");
    }
}
