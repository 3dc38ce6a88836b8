//! The source breaks or returns wrong content.

use longshore_content::Index;

use super::{Ends, REPOSITORY, TAG};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

/// The hint for content that the source has lost.
const LOST: &str = "hint: a manifest there names this content, but the content is lost: push the image there again";

/// More than one read buffer.
const LENGTH: usize = 300_000;

#[test]
fn a_layer_with_other_bytes_never_arrives() {
    let ends = Ends::with_layer(LENGTH);
    let flipped = |mut answer: Answer| {
        answer.body[LENGTH - 1] ^= 1;
        answer
    };
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(flipped));
    ends.fails(&["source: fetch blob", ends.layer(), "content has digest sha256:"]);
    assert!(!ends.has_layer(), "wrong bytes were stored under the layer's digest");
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 2, "one retry to make sure");
}

#[test]
fn a_layer_that_was_wrong_once_is_fetched_again() {
    let ends = Ends::with_layer(LENGTH);
    let flipped = |mut answer: Answer| {
        answer.body[0] ^= 1;
        answer
    };
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).first(1).alters(flipped));
    ends.arrives();
}

#[test]
fn wrong_content_is_fetched_again_on_a_new_connection() {
    // The peer of a connection may be a proxy that keeps returning the same response.
    let ends = Ends::with_layer(LENGTH);
    let index = Index::oci().child(&ends.image).build();
    ends.source.push(REPOSITORY, "2", &index);
    let blob = |at: usize| format!("/v2/{REPOSITORY}/blobs/{}", ends.image.blobs()[at].digest());
    let child = format!("/v2/{REPOSITORY}/manifests/{}", ends.image.digest());
    for (list, wrong) in [("1", blob(0)), ("1", blob(1)), ("2", child)] {
        let (proxy, destination) = (FaultProxy::before(&ends.source), Registry::embedded());
        let flipped = |mut answer: Answer| {
            answer.body[0] ^= 1;
            answer
        };
        proxy.rule(Rule::on("GET", &wrong).first(1).alters(flipped));
        let run = Longshore::new().mirror().list(&format!("team/app team/app {list}\n"));
        run.source(proxy.address()).destination(destination.address()).run().exits(0);
        destination.assert_complete(REPOSITORY, list);
        let fetched = proxy.matching("GET", &wrong);
        assert_eq!(fetched.len(), 2, "{wrong}");
        let own = fetched[1].connection;
        let alone = proxy.requests().iter().filter(|seen| seen.connection == own).count();
        assert_eq!(alone, 1, "{wrong} shares its connection");
    }
}

#[test]
fn a_short_layer_is_refused() {
    let ends = Ends::with_layer(LENGTH);
    let short = |mut answer: Answer| {
        answer.body.truncate(LENGTH - 1);
        answer
    };
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(short));
    ends.fails(&["source: fetch blob", "content has 299999 bytes, expected 300000"]);
    assert!(!ends.has_layer(), "half a layer was stored");
}

#[test]
fn a_short_layer_of_unannounced_length_is_refused() {
    let ends = Ends::with_layer(LENGTH);
    let short = |mut answer: Answer| {
        answer.body.truncate(LENGTH - 1);
        answer.chunked()
    };
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(short));
    ends.fails(&["source: fetch blob", "content has 299999 bytes, expected 300000"]);
    assert!(!ends.has_layer(), "half a layer was stored");
}

#[test]
fn a_long_layer_is_refused() {
    for chunked in [false, true] {
        let ends = Ends::with_layer(LENGTH);
        let long = move |mut answer: Answer| {
            answer.body.push(0);
            if chunked { answer.chunked() } else { answer }
        };
        ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(long));
        ends.fails(&["source: fetch blob", "bytes, expected 300000"]);
        assert!(!ends.has_layer(), "more than a layer was stored");
    }
}

#[test]
fn a_layer_of_unannounced_length_arrives() {
    let ends = Ends::with_layer(LENGTH);
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(Answer::chunked));
    ends.arrives();
}

#[test]
fn a_wrong_content_length_is_refused_before_anything_moves() {
    let ends = Ends::with_layer(LENGTH);
    let announced = |answer: Answer| answer.header("content-length", "299000");
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(announced));
    ends.fails(&["source: fetch blob", "content has 299000 bytes, expected 300000"]);
    assert!(!ends.has_layer(), "half a layer was stored");
}

#[test]
fn an_interrupted_download_resumes() {
    let ends = Ends::with_layer(LENGTH);
    let broken = |answer: Answer| answer.cut_after(100_000);
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).first(2).alters(broken));
    ends.arrives();
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 3);
}

#[test]
fn a_download_that_always_breaks_fails_after_three_attempts() {
    let ends = Ends::with_layer(LENGTH);
    let broken = |answer: Answer| answer.cut_after(0);
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).alters(broken));
    ends.fails(&["source: fetch blob", "broke"]);
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 3);
}

#[test]
fn a_busy_source_is_retried() {
    for status in [500, 502, 503, 408] {
        let ends = Ends::with_layer(LENGTH);
        ends.source_proxy
            .rule(Rule::on("GET", "*/manifests/*").first(1).answers(Answer::status(status)))
            .rule(Rule::on("GET", "*/blobs/*").first(1).answers(Answer::status(status)));
        ends.arrives();
    }
}

#[test]
fn a_source_that_stays_busy_gets_three_attempts() {
    let ends = Ends::with_layer(LENGTH);
    ends.source_proxy
        .rule(Rule::on("GET", &ends.layer_path()).answers(Answer::error(503, "UNAVAILABLE")));
    ends.fails(&["source: fetch blob", "(503): UNAVAILABLE: a fault"]);
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 3);
}

#[test]
fn the_wait_that_a_source_asks_for_is_kept() {
    let ends = Ends::with_layer(LENGTH);
    let busy = Answer::error(429, "TOOMANYREQUESTS").header("retry-after", "2");
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(1).answers(busy));
    let started = std::time::Instant::now();
    ends.arrives();
    let took = started.elapsed();
    assert!(took.as_secs_f32() >= 2.0, "it came back after {took:?}");
}

#[test]
fn a_layer_that_is_missing_fails_at_once() {
    let ends = Ends::with_layer(LENGTH);
    ends.source_proxy
        .rule(Rule::on("GET", &ends.layer_path()).answers(Answer::error(404, "BLOB_UNKNOWN")));
    ends.fails(&["source: fetch blob", ends.layer(), "not found (404): BLOB_UNKNOWN", LOST]);
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 1, "404 is final");
}

#[test]
fn a_configuration_that_is_missing_is_lost_there() {
    let ends = Ends::with_layer(LENGTH);
    let config = format!("/v2/{REPOSITORY}/blobs/{}", ends.image.blobs()[0].digest());
    ends.source_proxy.rule(Rule::on("GET", &config).answers(Answer::error(404, "BLOB_UNKNOWN")));
    ends.fails(&["source: fetch blob", LOST]);
}

#[test]
fn a_child_that_is_missing_is_lost_there() {
    let ends = Ends::with_layer(LENGTH);
    ends.source.push(REPOSITORY, TAG, &Index::oci().child(&ends.image).build());
    let child = format!("/v2/{REPOSITORY}/manifests/{}", ends.image.digest());
    ends.source_proxy.rule(Rule::on("GET", &child).answers(Answer::error(404, "MANIFEST_UNKNOWN")));
    ends.fails(&["source: fetch manifest", "not found (404): MANIFEST_UNKNOWN", LOST]);
}

#[test]
fn a_configuration_that_breaks_off_is_fetched_again() {
    let ends = Ends::with_layer(LENGTH);
    let config = format!("/v2/{REPOSITORY}/blobs/{}", ends.image.blobs()[0].digest());
    let broken = |answer: Answer| answer.cut_after(20);
    ends.source_proxy.rule(Rule::on("GET", &config).first(1).alters(broken));
    ends.arrives();
}

#[test]
fn a_manifest_that_breaks_off_is_fetched_again() {
    let ends = Ends::with_layer(LENGTH);
    let broken = |answer: Answer| answer.cut_after(20);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").first(1).alters(broken));
    ends.arrives();
}

#[test]
fn a_manifest_with_another_digest_than_asked_for_is_refused() {
    let ends = Ends::with_layer(LENGTH);
    let index = Index::oci().child(&ends.image).build();
    ends.source.push(REPOSITORY, TAG, &index);
    let other = |mut answer: Answer| {
        answer.body.push(b'\n');
        answer
    };
    let child = format!("/v2/{REPOSITORY}/manifests/{}", ends.image.digest());
    ends.source_proxy.rule(Rule::on("GET", &child).alters(other));
    ends.fails(&["source: fetch manifest", ends.image.digest(), "content has digest sha256:"]);
}

#[test]
fn a_manifest_beyond_four_mebibytes_is_refused() {
    for chunked in [false, true] {
        let ends = Ends::with_layer(10);
        let huge = move |mut answer: Answer| {
            answer.body.resize((4 << 20) + 1, b' ');
            if chunked { answer.chunked() } else { answer }
        };
        ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").alters(huge));
        ends.fails(&["source: fetch manifest", "larger than 4194304 bytes"]);
        assert_eq!(ends.source_proxy.count("GET", "*/manifests/*"), 1, "it does not get smaller");
    }
}

#[test]
fn an_html_page_is_not_a_manifest() {
    let ends = Ends::with_layer(10);
    let page = Answer::status(200).header("content-type", "text/html").body("<html>Log in</html>");
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(page));
    ends.fails(&["source: fetch manifest", "answered with a web page"]);
}

#[test]
fn docker_schema_1_is_refused_by_name() {
    let ends = Ends::with_layer(10);
    let old = Answer::status(200)
        .header("content-type", "application/vnd.docker.distribution.manifest.v1+prettyjws")
        .body(r#"{"schemaVersion":1,"name":"a","tag":"1","fsLayers":[],"history":[]}"#);
    ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(old));
    ends.fails(&["source: fetch manifest", "schema 1"]);
}

#[test]
fn a_source_that_closes_the_connection_is_retried() {
    let ends = Ends::with_layer(10);
    ends.source_proxy
        .rule(Rule::on("GET", "*/manifests/*").first(2).answers(Answer::status(200).dropped()));
    ends.arrives();
}

#[test]
fn the_rest_of_a_download_is_asked_for_by_range() {
    let ends = Ends::with_layer(LENGTH);
    let broken = |answer: Answer| answer.cut_after(100_000);
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).first(1).alters(broken));
    ends.arrives();
    let asked = ends.source_proxy.matching("GET", &ends.layer_path());
    let ranges: Vec<_> = asked.iter().map(|seen| seen.header("range")).collect();
    let [None, Some(range)] = ranges[..] else { panic!("{ranges:?}") };
    assert!(range.starts_with("bytes="), "{range}");
    let uploads = ends.destination_proxy.count("PUT", "*/blobs/uploads/*");
    assert_eq!(uploads, 2, "the upload goes on: one for each of two blobs");
}

#[test]
fn a_source_that_ignores_ranges_or_answers_another_is_understood() {
    let broken = |answer: Answer| answer.cut_after(100_000);
    let ends = Ends::with_layer(LENGTH);
    let whole = ends.source.endpoint().blob(REPOSITORY, ends.layer()).unwrap().unwrap();
    ends.source_proxy
        .rule(Rule::on("GET", &ends.layer_path()).first(1).alters(broken))
        .rule(Rule::on("GET", &ends.layer_path()).answers(Answer::status(200).body(whole)));
    ends.arrives();

    let ends = Ends::with_layer(LENGTH);
    let other = Answer::status(206).header("content-range", "bytes 7-9/300000").body("abc");
    ends.source_proxy
        .rule(Rule::on("GET", &ends.layer_path()).first(1).alters(broken))
        .rule(Rule::on("GET", &ends.layer_path()).occurring(2..=2).answers(other));
    let run = ends.mirror();
    assert!(run.exit == 0 || run.stderr.contains("the answer holds the bytes"), "{}", run.stderr);
}
