//! The destination garbage-collects content between the check and the push of its manifest.

use longshore_content::{Image, Index};

use super::{Ends, REPOSITORY, TAG};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const LENGTH: usize = 300_000;
const TAG_PATH: &str = "/v2/team/app/manifests/1";

#[test]
fn content_that_was_collected_meanwhile_is_sent_again() {
    let ends = Ends::with_layer(LENGTH);
    // The registry reports both blobs as existing, but they are missing when the manifest arrives.
    ends.destination_proxy.rule(Rule::on("POST", "*?mount=*").answers(Answer::status(201))).rule(
        Rule::on("PUT", TAG_PATH).first(2).answers(Answer::error(400, "MANIFEST_BLOB_UNKNOWN")),
    );
    ends.arrives();
    assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 3);
    assert_eq!(ends.destination_proxy.count("PUT", "*/blobs/uploads/*"), 2, "both are sent");
}

/// Distribution misses a blob for the moment in which somebody else mounts it into the repository.
#[test]
fn content_that_was_not_seen_for_a_moment_is_not_sent_again() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy.rule(
        Rule::on("PUT", TAG_PATH).first(1).answers(Answer::error(400, "MANIFEST_BLOB_UNKNOWN")),
    );
    ends.arrives();
    assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 2);
    assert_eq!(ends.destination_proxy.count("PUT", "*/blobs/uploads/*"), 2, "each is sent once");
}

#[test]
fn content_below_an_index_that_was_collected_is_sent_again() {
    let ends = Ends::with_layer(LENGTH);
    let index = Index::oci().child(&ends.image).build();
    ends.source.push(REPOSITORY, TAG, &index);
    // The embedded registry rejects the child, and then the index, because their content is
    // missing.
    let child = format!("/v2/team/app/manifests/{}", ends.image.digest());
    ends.destination_proxy
        .rule(Rule::on("POST", "*?mount=*").answers(Answer::status(201)))
        .rule(Rule::on("PUT", &child).first(2).answers(Answer::error(404, "BLOB_UNKNOWN")))
        .rule(Rule::on("PUT", TAG_PATH).first(1).answers(Answer::error(400, "MANIFEST_UNKNOWN")));
    ends.mirror().exits(0);
    assert_eq!(ends.destination.manifest(REPOSITORY, TAG).bytes, index.bytes());
    ends.destination.assert_complete(REPOSITORY, TAG);
}

#[test]
fn a_child_that_was_collected_with_all_that_it_names_is_sent_again() {
    let ends = Ends::with_layer(LENGTH);
    let index = Index::oci().child(&ends.image).build();
    ends.source.push(REPOSITORY, TAG, &index);
    let child = format!("/v2/team/app/manifests/{}", ends.image.digest());
    ends.destination_proxy
        .rule(Rule::on("PUT", TAG_PATH).first(2).answers(Answer::error(404, "MANIFEST_UNKNOWN")))
        .rule(Rule::on("PUT", &child).occurring(2..=2).answers(Answer::error(404, "BLOB_UNKNOWN")));
    ends.mirror().exits(0);
    assert_eq!(ends.destination.manifest(REPOSITORY, TAG).bytes, index.bytes());
    assert_eq!(ends.destination_proxy.count("PUT", &child), 3);
    let uploads = ends.destination_proxy.count("PUT", "*/blobs/uploads/*");
    assert_eq!(uploads, 6, "everything is sent again for each rejected manifest");
}

#[test]
fn content_that_is_never_known_fails() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy.rule(
        Rule::on("PUT", "*/manifests/*").answers(Answer::error(400, "MANIFEST_BLOB_UNKNOWN")),
    );
    ends.fails(&["destination: push manifest", "MANIFEST_BLOB_UNKNOWN"]);
    assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 3, "twice more, and no more");
}

/// Counts the uploads of a blob in all repositories.
fn uploads_of(proxy: &FaultProxy, blob: &str) -> usize {
    let puts = proxy.matching("PUT", "*/blobs/uploads/*");
    puts.iter().filter(|seen| seen.parameters("digest") == [blob]).count()
}

#[test]
fn other_images_mount_from_the_new_location() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let mut list = String::new();
    let mut layer = String::new();
    for name in ["one", "two", "three"] {
        let image = Image::new("linux/amd64").layer(1, LENGTH).label("name", name).build();
        source.push(&format!("team/{name}"), TAG, &image);
        list.push_str(&format!("team/{name} team/{name} {TAG}\n"));
        layer = image.blobs()[1].digest().to_owned();
    }
    let proxy = FaultProxy::before(&destination);
    // The registry confirms the mount of the layer, but has just lost it everywhere.
    let hex = layer.strip_prefix("sha256:").expect("it is SHA-256");
    let lost = destination.directory().join("team/one/blobs/sha256").join(hex);
    let mount = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
    proxy.rule(Rule::on("POST", mount).answers_by(move |_| {
        std::fs::remove_file(&lost).expect("it was there");
        Some(Answer::status(201))
    }));
    let run = Longshore::new().mirror().list(&list).source(source.address());
    run.destination(proxy.address()).args(["-j", "1"]).run().exits(0);
    for name in ["two", "three"] {
        destination.assert_complete(&format!("team/{name}"), TAG);
    }
    assert_eq!(proxy.count("PUT", "/v2/team/two/manifests/*"), 3, "it was refused twice");
    assert_eq!(proxy.count("POST", "/v2/team/three/blobs/uploads/?*from=team%2Fone*"), 0);
    assert_eq!(proxy.count("POST", "/v2/team/three/blobs/uploads/?*from=team%2Ftwo*"), 1);
    assert_eq!(uploads_of(&proxy, &layer), 2, "once before it was lost and once after");
}

#[test]
fn other_images_do_not_trust_a_disproved_blob_location() {
    // So large that longshore fetches it only after the destination has reported it missing.
    let length = 2 << 20;
    let ends = Ends::with_layer(length);
    let other = Image::new("linux/amd64").layer(1, length).label("name", "other").build();
    ends.source.push(REPOSITORY, "2", &other);
    // The registry reports both blobs as existing. When they must be sent, the source has lost the
    // layer.
    ends.destination_proxy
        .rule(Rule::on("POST", "*?mount=*").first(2).answers(Answer::status(201)));
    let missing = Answer::error(404, "BLOB_UNKNOWN");
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).first(1).answers(missing));
    let run = Longshore::new().mirror().list("team/app team/app 1\nteam/app team/app 2\n");
    let run = run.source(ends.source_proxy.address()).args(["-j", "1"]);
    run.destination(ends.destination_proxy.address()).run().exits(1).complains("not found (404)");
    ends.destination.assert_complete(REPOSITORY, "2");
    assert_eq!(ends.destination_proxy.count("PUT", "/v2/team/app/manifests/2"), 1);
    assert_eq!(uploads_of(&ends.destination_proxy, ends.layer()), 1);
}
