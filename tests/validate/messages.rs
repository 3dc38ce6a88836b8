//! The five messages of Hangar's FAQ, verbatim, each in its situation.

use longshore_content::{Content, Image, Index, Platform};

use crate::support::{Pair, Run};

const LIST: &str = "team/app team/app 1\n";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).docker().layer(seed, 100).build()
}

/// Validates the content of both registries in docker mode.
#[track_caller]
fn validated(source: &Content, destination: Option<&Content>, arguments: &[&str]) -> Run {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", source);
    if let Some(content) = destination {
        pair.destination.push("team/app", "1", content);
    }
    pair.validate(LIST).args(arguments).run().exits(1)
}

/// Returns the message after `Validate failed: ` in the failed list.
#[track_caller]
fn message(run: &Run) -> String {
    let list = run.file("mirror-validate-failed.txt").expect("there is a failed list");
    let line = list.lines().find_map(|line| line.strip_prefix("# Validate failed: "));
    line.unwrap_or_else(|| panic!("no message in {list}")).to_owned()
}

#[test]
fn the_first_message_is_about_the_type() {
    let single = image("linux/amd64", 1);
    let run = validated(&single, Some(&single), &["--index", "docker"]);
    let words = "destination manifest MIME type unknown: \
                 application/vnd.docker.distribution.manifest.v2+json";
    assert_eq!(message(&run), words);
    run.complains(&format!("Validate failed: {words}"));
}

#[test]
fn the_second_message_is_about_a_missing_manifest() {
    for mode in ["preserve", "docker", "oci"] {
        let run = validated(&image("linux/amd64", 1), None, &["--index", mode]);
        assert_eq!(message(&run), "destination manifest does not exists");
        assert!(run.stdout.contains(": missing\n"), "{}", run.stdout);
    }
}

#[test]
fn the_third_message_is_about_the_length() {
    let single = image("linux/amd64", 1);
    let two = Index::docker().child(&single).child(&image("linux/arm64", 2)).build();
    let run = validated(&single, Some(&two), &["--index", "docker"]);
    assert_eq!(message(&run), "destination manifest list length should be 1");
    run.complains("[ERRO] [M_ID:1] srcSpec: [").complains("[ERRO] [M_ID:1] dstSpec: [");
}

#[test]
fn the_fourth_message_is_about_a_field() {
    let windows = |version: &str| {
        let platform = Platform::new("windows/amd64").os_version(version);
        Image::for_platform(platform).docker().layer(1, 100).build()
    };
    let of = |content: &Content| Index::docker().child(content).build();
    let (amd, arm) = (image("linux/amd64", 1), image("linux/arm/v7", 1));
    let digests = |one: &Content, other: &Content| {
        format!("source digest \"{}\" != dest digest \"{}\"", one.digest(), other.digest())
    };
    for (one, other, words) in [
        (
            amd.clone(),
            arm,
            "source arch \"amd64\" != dest arch \"arm\"; source variant \"\" != dest variant \"v7\"",
        ),
        (amd.clone(), image("linux/amd64", 2), ""),
        (
            windows("10.1"),
            windows("10.2"),
            "source os.version \"10.1\" != dest os.version \"10.2\"",
        ),
        (amd.clone(), image("freebsd/amd64", 1), "source os \"linux\" != dest os \"freebsd\""),
    ] {
        let separator = if words.is_empty() { "" } else { "; " };
        let expected = format!("{words}{separator}{}", digests(&one, &other));
        let run = validated(&one, Some(&of(&other)), &["--index", "docker"]);
        assert_eq!(message(&run), expected);
    }
    let other = image("linux/amd64", 2);
    let run = validated(&amd, Some(&other), &[]);
    assert_eq!(message(&run), digests(&amd, &other), "in every mode");
}

#[test]
fn the_fifth_message_shows_both_lists() {
    let (one, other) = (image("linux/amd64", 1), image("linux/amd64", 2));
    let arm = image("linux/arm/v7", 3);
    let source = Index::docker().child(&one).child(&arm).build();
    let destination = Index::docker().child(&other).child(&arm).build();
    let shown = |name: &str, content: &Content| {
        format!(
            "[ERRO] [M_ID:1] {name}: [\n  {{\n    \"digest\": \"{}\",\n    \"platform\": {{\n      \
             \"architecture\": \"amd64\",\n      \"os\": \"linux\"\n    }}\n  }},\n  {{\n    \
             \"digest\": \"{}\",\n    \"platform\": {{\n      \"architecture\": \"arm\",\n      \
             \"os\": \"linux\",\n      \"variant\": \"v7\"\n    }}\n  }}\n]\n",
            content.digest(),
            arm.digest()
        )
    };
    for mode in ["preserve", "docker"] {
        let arguments = ["-a", "amd64,arm", "--index", mode];
        let run = validated(&source, Some(&destination), &arguments);
        let said = format!(
            "source digest \"{}\" != dest digest \"{}\" (linux/amd64)",
            one.digest(),
            other.digest()
        );
        assert_eq!(message(&run), said);
        run.complains(&shown("srcSpec", &one)).complains(&shown("dstSpec", &other));
    }
    let run = validated(&source, Some(&destination), &["-a", "amd64,arm", "--output", "json"]);
    let entry = run.json()["entries"][0].clone();
    assert_eq!(entry["srcSpec"][0]["digest"], one.digest());
    assert_eq!(entry["dstSpec"][1]["platform"]["variant"], "v7");
}
