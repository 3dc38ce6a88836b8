//! Proxies that compress blobs, which nobody asked them to do.

use super::Ends;
use crate::support::{Answer, Rule};

const HINT: &str = "hint: a proxy on the way compresses answers";

/// Replaces the content of an answer, as if a proxy had compressed it to this many bytes.
fn compressed(encoding: &'static str, length: usize) -> impl Fn(Answer) -> Answer + Send + Sync {
    move |answer| {
        let answer = answer.without("content-length").header("content-encoding", encoding);
        answer.body(vec![0x1f; length])
    }
}

#[test]
fn a_compressed_blob_is_told_with_its_cause() {
    for (encoding, length, is_chunked) in
        [("gzip", 100, true), ("gzip", 100, false), ("br", 90_000, true), ("zstd", 90_000, false)]
    {
        let ends = Ends::with_layer(50_000);
        let alter = compressed(encoding, length);
        ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(move |answer| {
            let altered = alter(answer);
            if is_chunked { altered.chunked() } else { altered }
        }));
        let run = ends.fails(&[&format!("is compressed ({encoding})"), HINT]);
        assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 1, "{}", run.stderr);
    }
}

#[test]
fn a_compressed_configuration_is_told_with_its_cause() {
    for (length, is_chunked) in [(20, true), (20, false), (9_000, true), (9_000, false)] {
        let ends = Ends::with_layer(10);
        let config = format!("/v2/team/app/blobs/{}", ends.image.blobs()[0].digest());
        let alter = compressed("gzip", length);
        ends.source_proxy.rule(Rule::on("GET", &config).alters(move |answer| {
            let altered = alter(answer);
            if is_chunked { altered.chunked() } else { altered }
        }));
        ends.fails(&["is compressed (gzip)", HINT]);
    }
}

/// Storage services send the header with layers that were uploaded compressed.
#[test]
fn the_header_alone_is_no_fault() {
    for encoding in ["gzip", "zstd", "identity", ""] {
        let ends = Ends::with_layer(50_000);
        ends.source_proxy.rule(
            Rule::on("GET", "*/blobs/*")
                .alters(move |answer| answer.header("content-encoding", encoding)),
        );
        ends.arrives();
    }
}

/// The destination has the right content, whatever length the proxy announces.
#[test]
fn a_proxy_in_front_of_the_destination_makes_no_copy_bad() {
    let ends = Ends::with_layer(50_000);
    ends.arrives();
    for length in ["100", "90000"] {
        ends.destination_proxy.clear_rules();
        ends.destination_proxy.rule(Rule::on("HEAD", "*/blobs/*").alters(move |answer| {
            answer.header("content-encoding", "gzip").header("content-length", length)
        }));
        let run = ends.validate(&[]).exits(0);
        run.sums_up("1 valid, 0 skipped, 0 failed");
    }
    ends.destination_proxy.clear_rules();
    let alter = compressed("gzip", 100);
    ends.destination_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(alter));
    ends.validate(&["--deep"]).exits(1).complains("is compressed (gzip)").complains(HINT);
}
