//! All kinds of damage at the destination: each is found, named and classified, and the suggested
//! command repairs it.

use std::path::PathBuf;

use longshore_content::{Blob, Content, Image, Index, Platform};
use serde_json::Value;

use crate::support::{Answer, FaultProxy, Longshore, Pair, Registry, Rule, Run};

const LIST: &str = "team/app team/app 1\n";

fn image(platform: &str, seed: u64) -> Content {
    Image::new(platform).layer(seed, 100).build()
}

fn amd() -> Content {
    image("linux/amd64", 1)
}

fn arm() -> Content {
    image("linux/arm64", 2)
}

fn index() -> Content {
    Index::oci().child(&amd()).child(&arm()).build()
}

/// Creates a pair in which both registries hold the valid index.
fn mirrored() -> Pair {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &index());
    pair.mirror(LIST).run().exits(0);
    pair.validate(LIST).run().exits(0);
    pair
}

/// Returns the file of a blob or manifest of `team/app` in an embedded registry.
fn stored(registry: &Registry, digest: &str) -> PathBuf {
    let hex = digest.strip_prefix("sha256:").expect("it is SHA-256");
    registry.directory().join("team/app/blobs/sha256").join(hex)
}

fn lose(registry: &Registry, digest: &str) {
    std::fs::remove_file(stored(registry, digest)).expect("it is there");
}

/// Returns the only entry of the document.
fn entry(run: &Run) -> Value {
    run.json()["entries"][0].clone()
}

/// Validates and expects this verdict. Returns the findings as `platform field source destination`.
#[track_caller]
fn findings(pair: &Pair, arguments: &[&str], verdict: &str) -> Vec<[String; 4]> {
    let run = pair.validate(LIST).args(["--output", "json"]).args(arguments).run().exits(1);
    let entry = entry(&run);
    assert_eq!(entry["verdict"], verdict, "{entry:#}");
    assert!(run.file("mirror-validate-failed.txt").is_some_and(|text| text.ends_with(LIST)));
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let found = entry["findings"].as_array().expect("there are findings").iter();
    let parts = ["platform", "field", "source", "destination"];
    found.map(|finding| parts.map(|part| text(&finding[part]))).collect()
}

fn found(parts: [&str; 4]) -> [String; 4] {
    parts.map(str::to_owned)
}

/// Runs the suggested command and validates again.
#[track_caller]
fn mend(pair: &Pair) {
    let run = pair.validate(LIST).run().exits(1);
    run.repaired().exits(0);
    pair.validate(LIST).run().exits(0);
}

#[test]
fn an_outdated_tag_is_updated() {
    let pair = mirrored();
    let newer = Index::oci().child(&image("linux/amd64", 3)).child(&arm()).build();
    pair.source.push("team/app", "1", &newer);
    // The source still has the older index, by digest.
    assert_eq!(
        findings(&pair, &["-a", "all", "--os", "all"], "moved-on"),
        [found(["linux/amd64", "digest", image("linux/amd64", 3).digest(), amd().digest()])]
    );
    mend(&pair);
}

#[test]
fn with_a_filter_changed_children_show_a_moved_tag() {
    let pair = Pair::embedded();
    let s390x = image("linux/s390x", 5);
    let older = Index::oci().child(&amd()).child(&s390x).build();
    pair.source.push("team/app", "1", &older);
    pair.mirror(LIST).run().exits(0);
    let newer = Index::oci().child(&image("linux/amd64", 3)).child(&s390x).build();
    pair.source.push("team/app", "1", &newer);
    let digests = (image("linux/amd64", 3), amd());
    assert_eq!(
        findings(&pair, &[], "moved-on"),
        [found(["linux/amd64", "digest", digests.0.digest(), digests.1.digest()])]
    );
}

#[test]
fn content_unknown_to_the_source_is_altered() {
    let pair = mirrored();
    let foreign = Index::oci().child(&image("linux/amd64", 9)).child(&arm()).build();
    pair.destination.push("team/app", "1", &foreign);
    let foreign = image("linux/amd64", 9);
    assert_eq!(
        findings(&pair, &[], "altered"),
        [found(["linux/amd64", "digest", amd().digest(), foreign.digest()])]
    );
    mend(&pair);
}

#[test]
fn a_single_image_that_was_replaced_says_on_which_machine_it_runs() {
    let pair = Pair::embedded();
    pair.source.push("team/app", "1", &amd());
    pair.destination.push("team/app", "1", &arm());
    assert_eq!(
        findings(&pair, &[], "altered"),
        [
            found(["-", "arch", "amd64", "arm64"]),
            found(["-", "digest", amd().digest(), arm().digest()]),
        ]
    );
}

#[test]
fn a_lost_child_is_broken() {
    let pair = mirrored();
    lose(&pair.destination, arm().digest());
    assert_eq!(
        findings(&pair, &[], "broken"),
        [found(["linux/arm64", "manifest", arm().digest(), "-"])]
    );
    mend(&pair);
}

#[test]
fn a_child_missing_from_the_destination_index_is_found() {
    let pair = mirrored();
    let less = Index::oci().child(&amd()).build();
    pair.destination.push("team/app", "1", &less);
    assert_eq!(
        findings(&pair, &[], "moved-on"),
        [found(["linux/arm64", "manifest", arm().digest(), "-"])]
    );
    mend(&pair);
}

#[test]
fn a_lost_blob_is_broken_and_named_with_its_platform() {
    let pair = mirrored();
    let layer = arm().blobs()[1].digest().to_owned();
    lose(&pair.destination, &layer);
    assert_eq!(findings(&pair, &[], "broken"), [found(["linux/arm64", "blob", &layer, "-"])]);
    mend(&pair);
    let config = amd().blobs()[0].digest().to_owned();
    lose(&pair.destination, &config);
    assert_eq!(findings(&pair, &[], "broken"), [found(["linux/amd64", "blob", &config, "-"])]);
}

#[test]
fn deep_finds_wrong_bytes() {
    let pair = mirrored();
    let layer = arm().blobs()[1].clone();
    let mut bytes = layer.bytes().to_vec();
    bytes[50] ^= 1;
    let damaged = Blob::new("x", bytes);
    // The embedded registry hands out no damaged blob, others do.
    let proxy = FaultProxy::before(&pair.destination);
    let flipped = |mut answer: Answer| {
        answer.body[50] ^= 1;
        answer
    };
    let path = format!("/v2/team/app/blobs/{}", layer.digest());
    proxy.rule(Rule::on("GET", &path).alters(flipped));
    let validate = || {
        let run = Longshore::new().validate().list(LIST).source(pair.source.address());
        run.destination(proxy.address())
    };
    validate().run().exits(0);
    let run = validate().args(["--output", "json", "--deep"]).run().exits(1);
    let entry = entry(&run);
    assert_eq!(entry["verdict"], "broken", "{entry:#}");
    assert_eq!(entry["findings"][0]["destination"], damaged.digest(), "{entry:#}");
}

#[test]
fn a_damaged_blob_is_missing_and_is_mended() {
    let flipped = |bytes: &mut Vec<u8>| bytes[50] ^= 1;
    let cut = |bytes: &mut Vec<u8>| bytes.truncate(60);
    let layer = arm().blobs()[1].clone();
    for damage in [flipped as fn(&mut Vec<u8>), cut] {
        let pair = mirrored();
        let mut bytes = layer.bytes().to_vec();
        damage(&mut bytes);
        let path = stored(&pair.destination, layer.digest());
        std::fs::write(path, bytes).expect("it can be written");
        for arguments in [&[][..], &["--deep"]] {
            assert_eq!(
                findings(&pair, arguments, "broken"),
                [found(["linux/arm64", "blob", layer.digest(), "-"])]
            );
        }
        mend(&pair);
    }
}

#[test]
fn deep_accepts_correct_content() {
    let pair = mirrored();
    let run = pair.validate(LIST).arg("--deep").run().exits(0);
    run.sums_up("1 valid, 0 skipped, 0 failed");
}

#[test]
fn a_wrong_platform_record_is_altered() {
    let pair = mirrored();
    let wrong = Index::oci().child(&amd()).child_as(&arm(), &Platform::new("linux/s390x")).build();
    pair.destination.push("team/app", "1", &wrong);
    assert_eq!(findings(&pair, &[], "altered"), [found(["linux/arm64", "arch", "arm64", "s390x"])]);
    mend(&pair);
}

#[test]
fn an_extra_child_counts_only_inside_the_filter() {
    let pair = mirrored();
    let children = Index::oci().child(&amd()).child(&arm());
    let windows = image("windows/amd64", 7);
    pair.destination.push("team/app", "1", &children.clone().child(&windows).build());
    assert_eq!(
        findings(&pair, &[], "altered"),
        [found(["windows/amd64", "manifest", "-", windows.digest()])]
    );
    let s390x = image("linux/s390x", 8);
    pair.destination.push("team/app", "1", &children.child(&s390x).build());
    pair.validate(LIST).run().exits(0);
    // It is not checked either.
    lose(&pair.destination, s390x.blobs()[1].digest());
    pair.validate(LIST).run().exits(0);
    pair.validate(LIST).args(["-a", "all"]).run().exits(1);
}

#[test]
fn other_annotations_and_another_order_are_altered() {
    let pair = mirrored();
    let noted = Index::oci().child(&amd()).child(&arm()).annotation("by", "hand").build();
    pair.destination.push("team/app", "1", &noted);
    assert_eq!(
        findings(&pair, &[], "altered"),
        [found(["-", "annotations", "", r#"{"by":"hand"}"#])]
    );
    pair.destination.push("team/app", "1", &Index::oci().child(&arm()).child(&amd()).build());
    assert_eq!(findings(&pair, &[], "altered"), [found(["-", "order", "-", "-"])]);
    let spaced = Index::oci().child(&amd()).child(&arm()).odd_white_space().build();
    pair.destination.push("team/app", "1", &spaced);
    assert_eq!(
        findings(&pair, &[], "altered"),
        [found(["-", "digest", index().digest(), spaced.digest()])]
    );
}

#[test]
fn a_tag_whose_manifest_is_missing_everywhere_is_broken() {
    let pair = mirrored();
    let digest = index().digest().to_owned();
    lose(&pair.destination, &digest);
    let run = pair.validate(LIST).run().exits(1);
    run.complains("[M_ID:1]").complains("Validate failed: ");
}

#[test]
fn docker_registry_is_compared_the_same_way() {
    let Some(pair) = Pair::docker() else { return };
    pair.source.push("team/app", "1", &index());
    pair.mirror(LIST).run().exits(0);
    for flags in [&[][..], &["--deep"], &["-a", "arm64"]] {
        pair.validate(LIST).args(flags).run().exits(0);
    }
    let layer = amd().blobs()[1].digest().to_owned();
    pair.destination.endpoint().delete_blob("team/app", &layer).expect("it may be deleted");
    assert_eq!(findings(&pair, &[], "broken"), [found(["linux/amd64", "blob", &layer, "-"])]);
    pair.validate(LIST).args(["-a", "arm64"]).run().exits(0);
    mend(&pair);
    pair.destination.push("team/app", "1", &amd());
    findings(&pair, &[], "moved-on");
}

#[test]
fn a_manifest_with_other_bytes_is_broken_with_and_without_deep() {
    for arguments in [&[][..], &["--deep"]] {
        let pair = mirrored();
        let path = stored(&pair.destination, amd().digest());
        let mut bytes = std::fs::read(&path).expect("it is there");
        *bytes.last_mut().expect("it is not empty") = b' ';
        std::fs::write(&path, bytes).expect("it can be changed");
        let found = findings(&pair, arguments, "broken");
        assert!(found.iter().any(|[_, field, ..]| field == "manifest"), "{found:?}");
    }
}

#[test]
fn wrong_bytes_that_a_registry_shows_get_a_hint_to_delete_them() {
    let pair = mirrored();
    let layer = amd().blobs()[1].clone();
    let mut bytes = layer.bytes().to_vec();
    bytes[0] ^= 1;
    let proxy = FaultProxy::before(&pair.destination);
    let shown = Answer::status(200).body(bytes);
    proxy.rule(Rule::on("GET", &format!("*/blobs/{}", layer.digest())).answers(shown));
    let validate = || {
        let run = Longshore::new().validate().list(LIST).source(pair.source.address());
        run.destination(proxy.address())
    };
    validate().run().exits(0);
    let run = validate().arg("--deep").run().exits(1);
    run.complains("delete it from the registry's storage first");
}

/// `serve` hides wrong bytes, and accepts right ones in their place.
#[test]
fn a_new_push_repairs_wrong_bytes_in_serve() {
    let pair = mirrored();
    let layer = amd().blobs()[1].digest().to_owned();
    let path = stored(&pair.destination, &layer);
    let mut bytes = std::fs::read(&path).expect("it is there");
    bytes[0] ^= 1;
    std::fs::write(&path, &bytes).expect("it can be changed");
    pair.validate(LIST).run().exits(1).complains(&format!("destination lacks blob {layer}"));
    pair.destination.push("team/app", "again", &amd());
    pair.validate(LIST).arg("--deep").run().exits(0);
}

#[test]
fn an_unreadable_failed_list_is_not_suggested_as_repair() {
    let pair = mirrored();
    lose(&pair.destination, amd().blobs()[1].digest());
    let run = pair.validate(LIST).args(["-o", "/dev/null"]).run().exits(1);
    run.repaired().exits(0);
    pair.validate(LIST).run().exits(0);
}
