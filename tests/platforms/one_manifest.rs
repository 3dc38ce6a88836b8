//! The manifest of one platform without its index, as regsync and dregsy copy it.

use longshore_content::{Content, Image, Index};

use crate::support::Pair;

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 10).build()
}

/// A source with an index of three platforms under two tags, and an image without an index.
fn pair() -> (Pair, [Content; 3], Content) {
    let pair = Pair::embedded();
    let images = [image("linux/amd64", 1), image("linux/arm64/v8", 2), image("windows/amd64", 3)];
    let index = images.iter().fold(Index::oci(), Index::child).build();
    pair.source.push("team/app", "1", &index);
    pair.source.push("team/app", "2", &index);
    pair.source.push("team/app", "single", &images[1]);
    (pair, images, index)
}

/// A configuration of regsync that copies the tags of `team/app` for one platform.
fn regsync(pair: &Pair, platform: &str) -> String {
    let (from, to) = (pair.source.address(), pair.destination.address());
    format!(
        "version: 1\nsync:\n  - source: {from}/team/app\n    target: {to}/copy/app\n    \
         type: repository\n    platform: {platform}\n"
    )
}

fn digest_at(pair: &Pair, tag: &str) -> String {
    pair.destination.manifest("copy/app", tag).digest
}

#[test]
fn regsync_gets_the_manifest_that_regsync_writes() {
    let (pair, images, index) = pair();
    let list = regsync(&pair, "linux/arm64");
    let mirror = |flags: &[&str]| pair.mirror(&list).args(flags).run().exits(0);
    let dry = mirror(&["--dry-run"]);
    assert!(dry.stdout.contains("3 to copy"), "{}", dry.stdout);
    let run = mirror(&["--output=json"]);
    for tag in ["1", "2", "single"] {
        assert_eq!(digest_at(&pair, tag), images[1].digest(), "{tag}");
    }
    let entries = run.json();
    let entry = &entries["entries"][0];
    assert_eq!(entry["sourceDigest"], index.digest(), "{entry}");
    assert_eq!(entry["destinationDigest"], images[1].digest(), "{entry}");
    assert!(!run.stderr.contains("whereas"), "it is as in regsync\n{}", run.stderr);
    let again = mirror(&[]).sums_up("0 copied, 3 skipped, 0 failed");
    assert!(!again.stdout.contains("cut"), "{}", again.stdout);
    pair.validate(&list).run().exits(0).sums_up("3 valid, 0 skipped, 0 failed");
}

#[test]
fn an_index_at_the_tag_is_replaced() {
    let (pair, images, index) = pair();
    let list = regsync(&pair, "linux/amd64").replace("repository", "image");
    let list = list.replace("team/app\n", "team/app:1\n").replace("copy/app\n", "copy/app:1\n");
    pair.destination.push("copy/app", "1", &index);
    pair.validate(&list).run().exits(1).sums_up("0 valid, 0 skipped, 1 failed");
    let dry = pair.mirror(&list).arg("--dry-run").run().exits(0);
    dry.complains("its tag would lose linux/arm64/v8, windows/amd64; the list asks for one");
    let run = pair.mirror(&list).run().exits(0);
    run.complains("its tag loses linux/arm64/v8, windows/amd64; the list asks for one manifest");
    assert_eq!(digest_at(&pair, "1"), images[0].digest());
    pair.validate(&list).run().exits(0);
    pair.destination.push("copy/app", "1", &images[2]);
    pair.validate(&list).run().exits(1);
    pair.mirror(&list).run().exits(0);
    assert_eq!(digest_at(&pair, "1"), images[0].digest());
    pair.mirror(&list).arg("--force-recursive").run().exits(0).sums_up("0 copied, 1 skipped");
}

#[test]
fn dregsy_and_comments_ask_for_one_manifest_too() {
    let (pair, images, _) = pair();
    let (from, to) = (pair.source.address(), pair.destination.address());
    let dregsy = format!(
        "tasks:\n  - name: x\n    source: {{registry: '{from}'}}\n    target: {{registry: '{to}'}}\n    \
         mappings:\n      - {{from: team/app, to: copy/app, tags: ['1'], platform: windows/amd64}}\n"
    );
    pair.mirror(&dregsy).run().exits(0);
    assert_eq!(digest_at(&pair, "1"), images[2].digest());
    let list = "# longshore: platforms=linux/amd64 attribute=single-manifest=true\n\
                team/app copy/app 2\n";
    pair.mirror(list).run().exits(0);
    assert_eq!(digest_at(&pair, "2"), images[0].digest());
    let wrapped = pair.mirror(list).args(["--index", "oci"]).run().exits(0);
    wrapped.complains(
        "one manifest takes the place of its index (platforms linux/amd64); the image is wrapped",
    );
}

#[test]
fn a_failed_list_asks_for_one_manifest_again() {
    let (pair, images, index) = pair();
    let list = regsync(&pair, "linux/arm64").replace("type: repository", "type: image");
    let list = list.replace("team/app\n", "team/app:new\n").replace("copy/app\n", "copy/app:new\n");
    let run = pair.mirror(&list).run().exits(1);
    let failed = run.file("mirror-failed.txt").unwrap();
    assert!(failed.contains("platforms=linux/arm64 attribute=single-manifest=true"), "{failed}");
    pair.source.push("team/app", "new", &index);
    pair.mirror(&failed).args(["--list-format", "mirror"]).run().exits(0);
    assert_eq!(digest_at(&pair, "new"), images[1].digest());
}

#[test]
fn a_platform_that_is_missing_or_ambiguous_copies_nothing() {
    let (pair, ..) = pair();
    let list = regsync(&pair, "linux/s390x");
    let run = pair.mirror(&list).run().exits(0);
    run.sums_up("0 copied, 3 skipped, 0 failed").complains("no platform");
    pair.mirror(&list).arg("--no-arch-os-fail").run().exits(1);
    for (terms, why) in [
        ("attribute=single-manifest=true", "needs exactly one platform"),
        ("platforms=all attribute=single-manifest=true", "needs exactly one platform"),
        (
            "platforms=linux/amd64,linux/arm64 attribute=single-manifest=true",
            "exactly one platform",
        ),
        ("platforms=linux/amd64 attribute=single-manifest=yes", "must be true or false"),
    ] {
        let list = format!("# longshore: {terms}\nteam/app copy/app 1\n");
        pair.mirror(&list)
            .run()
            .exits(1)
            .complains(why)
            .complains("hint: write # longshore: platforms=");
    }
    let off = "# longshore: attribute=single-manifest=false\nteam/app copy/app 1\n";
    pair.mirror(off).run().exits(0);
}

#[test]
fn signatures_of_the_manifest_go_with_it_and_those_of_the_index_stay() {
    let (pair, images, index) = pair();
    let signed = |subject: &Content, kind: &str| Image::artifact(kind).subject(subject).build();
    let (own, of_index) = (signed(&images[1], "example/own"), signed(&index, "example/index"));
    pair.source.push("team/app", own.digest(), &own);
    pair.source.push("team/app", of_index.digest(), &of_index);
    let list = regsync(&pair, "linux/arm64").replace("repository", "image");
    let list = list.replace("team/app\n", "team/app:1\n").replace("copy/app\n", "copy/app:1\n");
    for flag in ["--dry-run", "--referrers=true"] {
        let run = pair.mirror(&list).args(["--referrers", flag]).run().exits(0);
        run.complains(&format!("1 referrer of {} is not copied", index.digest()));
    }
    pair.assert_arrived("copy/app", own.digest(), &own);
    pair.assert_absent("copy/app", of_index.digest());
}
