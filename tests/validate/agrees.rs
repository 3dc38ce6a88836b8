//! What `mirror-validate` says of a valid destination that `mirror` would nevertheless change, or never completes.

use longshore_content::{Content, Image, Index};

use crate::support::Pair;

const LIST: &str = "team/app team/app 1\n";
const SIGNATURE: &str = "application/vnd.example.signature.v1+json";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 100).build()
}

/// An index of three platforms, and the part of it with two.
fn indexes() -> (Content, Content) {
    let children =
        [("linux/amd64", 1), ("windows/amd64", 2), ("linux/s390x", 3)].map(|(os, n)| image(os, n));
    let of = |children: &[Content]| {
        children.iter().fold(Index::oci(), |index, child| index.child(child)).build()
    };
    (of(&children), of(&children[..2]))
}

#[test]
fn a_tag_with_more_platforms_is_valid_and_the_log_says_what_mirror_would_do() {
    let (whole, part) = indexes();
    for (flags, lost) in [
        (&["-a", "amd64", "--os", "linux"][..], Some("windows/amd64")),
        (&["--arch=amd64", "--os=windows"], Some("linux/amd64")),
        (&["-a", "linux/amd64"], Some("windows/amd64")),
        (&["-a", "amd64"], None),
    ] {
        let pair = Pair::embedded();
        pair.source.push("team/app", "1", &whole);
        pair.destination.push("team/app", "1", &part);
        let valid = pair.validate(LIST).args(flags).args(["--output", "json"]).run().exits(0);
        let reason = valid.json()["entries"][0]["reason"].clone();
        let dry = pair.mirror(LIST).args(flags).arg("--dry-run").run().exits(0);
        match lost {
            Some(lost) => {
                let reason = reason.as_str().unwrap_or_default();
                assert!(
                    reason.starts_with(&format!("its tag also has {lost}; mirror")),
                    "{reason}"
                );
                let would = format!("; the tag would lose {lost}");
                assert!(dry.stdout.contains(&would), "{}", dry.stdout);
                valid.complains(&format!("its tag also has {lost}; mirror with this platform"));
            }
            None => {
                assert_eq!(reason, serde_json::Value::Null, "{flags:?}");
                assert!(dry.stdout.contains("already at the destination"), "{}", dry.stdout);
            }
        }
    }
}

#[test]
fn referrers_that_mirror_leaves_behind_are_named() {
    let (whole, _) = indexes();
    let signature = |seed| Image::artifact(SIGNATURE).layer(seed, 300).subject(&whole).build();
    let tag = |ending: &str| format!("{}.{ending}", whole.digest().replace(':', "-"));
    for (listed, tags, count) in [(2, &[][..], 2), (0, &["sig", "att"], 2), (1, &["sbom"], 2)] {
        let pair = Pair::embedded();
        pair.source.push("team/app", "1", &whole);
        for seed in 0..listed {
            pair.source.push("team/app", signature(seed).digest(), &signature(seed));
        }
        for (seed, ending) in (10..).zip(tags) {
            let content = Image::artifact(SIGNATURE).layer(seed, 100).build();
            pair.source.push("team/app", &tag(ending), &content);
        }
        let said = format!("{count} referrers of {} are not copied", whole.digest());
        for command in ["mirror", "mirror-validate"] {
            let run = pair.run(command, LIST).args(["-a", "amd64", "--referrers"]).run();
            run.exits(0).complains(&said).complains("--arch all --os all copies it whole");
        }
        let run = pair.validate(LIST).args(["-a", "amd64", "--referrers", "--output", "json"]);
        let run = run.run().exits(0);
        let left = format!("{count} referrers of the source's digest left behind");
        assert_eq!(run.json()["entries"][0]["reason"], left);
        let run = pair.validate(LIST).args(["-a", "amd64"]).run().exits(0);
        assert!(!run.stderr.contains("are not copied"), "it compares no referrers: {}", run.stderr);
    }
}
