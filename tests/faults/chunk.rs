//! Chunked uploads, for registries that accept nothing else or fail on large bodies.

use super::Ends;
use crate::support::{Answer, Rule};

/// More than two chunks of 16 MiB.
const LENGTH: usize = 40 << 20;
const UPLOAD: &str = "*/blobs/uploads/*";

/// Rejects every monolithic upload.
fn only_chunks(status: u16) -> Rule {
    Rule::on("PUT", UPLOAD).answers_by(move |seen| {
        (!seen.body.is_empty()).then(|| Answer::error(status, "UNSUPPORTED"))
    })
}

#[test]
fn a_registry_without_monolithic_uploads_gets_chunks() {
    for status in [405, 416, 501] {
        let ends = Ends::with_layer(300_000);
        ends.destination_proxy.rule(only_chunks(status));
        ends.arrives();
        assert_eq!(ends.destination_proxy.count("PATCH", UPLOAD), 2, "{status}: one for each blob");
    }
}

#[test]
fn large_blobs_go_in_chunks_where_their_size_is_refused() {
    let ends = Ends::with_layer(LENGTH);
    // The config is small enough, and the layer is not.
    ends.destination_proxy.rule(
        Rule::on("PUT", UPLOAD)
            .answers_by(|seen| (seen.body.len() > 1 << 20).then(|| Answer::status(413))),
    );
    ends.arrives();
    let chunks = ends.destination_proxy.matching("PATCH", UPLOAD);
    let ranges: Vec<_> = chunks.iter().map(|seen| seen.header("content-range").unwrap()).collect();
    assert_eq!(ranges, ["0-16777215", "16777216-33554431", "33554432-41943039"]);
}

#[test]
fn the_registry_says_how_small_a_chunk_may_be() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy.rule(only_chunks(405)).rule(
        Rule::on("POST", UPLOAD).alters(|answer| answer.header("oci-chunk-min-length", "33554432")),
    );
    ends.arrives();
    let sizes: Vec<usize> = ends
        .destination_proxy
        .matching("PATCH", UPLOAD)
        .iter()
        .map(|seen| seen.body.len())
        .filter(|size| *size > 1 << 20)
        .collect();
    assert_eq!(sizes, [32 << 20, 8 << 20]);
}

#[test]
fn only_the_interrupted_chunk_is_sent_again() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy
        .rule(only_chunks(405))
        // The fault proxy closes the connection within a chunk of the layer. The registry never
        // gets that chunk.
        .rule(Rule::on("PATCH", UPLOAD).occurring(3..=3).hangs_up_after(5_000_000));
    ends.arrives();
    let sent: usize =
        ends.destination_proxy.matching("PATCH", UPLOAD).iter().map(|seen| seen.body.len()).sum();
    assert!(sent < LENGTH + (24 << 20), "{sent} bytes: acknowledged bytes are sent once");
    let again = ends.source_proxy.matching("GET", &ends.layer_path());
    assert!(
        again.iter().any(|seen| seen.header("range").is_some()),
        "the rest is fetched by Range"
    );
}

#[test]
fn a_large_body_that_breaks_is_sent_again_in_chunks() {
    let ends = Ends::with_layer(LENGTH);
    let of_layer = format!("{UPLOAD}?*{}*", &ends.layer()[7..]);
    ends.destination_proxy.rule(Rule::on("PUT", &of_layer).first(1).hangs_up_after(20 << 20));
    ends.arrives();
    assert_eq!(ends.destination_proxy.count("PATCH", UPLOAD), 3);
}
