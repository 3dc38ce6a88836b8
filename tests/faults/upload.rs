//! The destination breaks or returns wrong responses.

use longshore_content::Image;

use super::{Ends, REPOSITORY, TAG};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const LENGTH: usize = 300_000;
const TAG_PATH: &str = "/v2/team/app/manifests/1";

#[test]
fn a_busy_destination_is_retried() {
    for (method, pattern) in
        [("POST", "*/blobs/uploads/"), ("PUT", "*/blobs/uploads/*"), ("PUT", "*/manifests/*")]
    {
        let ends = Ends::with_layer(LENGTH);
        ends.destination_proxy
            .rule(Rule::on(method, pattern).first(1).answers(Answer::status(503)));
        ends.arrives();
    }
}

#[test]
fn a_destination_that_stays_busy_gets_three_attempts() {
    for (method, pattern) in [("POST", "*/blobs/uploads/"), ("PUT", "*/blobs/uploads/*")] {
        let ends = Ends::with_layer(LENGTH);
        ends.destination_proxy.rule(Rule::on(method, pattern).answers(Answer::status(503)));
        ends.fails(&["destination: push blob", "Service Unavailable (503)"]);
        let asked = ends.destination_proxy.count(method, pattern);
        assert!((3..=6).contains(&asked), "three tries for each of two blobs, not {asked}");
    }
}

#[test]
fn an_interrupted_upload_is_repeated() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy.rule(Rule::on("PUT", "*/blobs/uploads/*").first(2).hangs_up_after(100));
    ends.arrives();
}

#[test]
fn an_upload_without_a_response_is_repeated() {
    let ends = Ends::with_layer(LENGTH);
    ends.destination_proxy
        .rule(Rule::on("PUT", "*/blobs/uploads/*").first(1).alters(Answer::dropped));
    ends.arrives();
}

#[test]
fn a_manifest_push_without_a_response_is_repeated() {
    let ends = Ends::with_layer(10);
    ends.destination_proxy.rule(Rule::on("PUT", TAG_PATH).first(1).alters(Answer::dropped));
    ends.arrives();
}

#[test]
fn a_manifest_that_the_destination_calls_by_another_digest_fails() {
    let ends = Ends::with_layer(10);
    let other = format!("sha256:{}", "0".repeat(64));
    let header = other.clone();
    ends.destination_proxy.rule(
        Rule::on("PUT", TAG_PATH)
            .answers(Answer::status(201).header("docker-content-digest", &header)),
    );
    ends.fails(&["destination: push manifest", &other, ends.image.digest()]);
}

#[test]
fn a_blob_that_the_destination_calls_by_another_digest_fails() {
    let other = format!("sha256:{}", "0".repeat(64));
    let ends = Ends::with_layer(1000);
    let header = other.clone();
    ends.destination_proxy.rule(
        Rule::on("PUT", "*/blobs/uploads/*")
            .answers(Answer::status(201).header("docker-content-digest", &header)),
    );
    ends.fails(&["destination: push blob", &other]);
    // What cannot be compared says nothing.
    for header in [format!("sha512:{}", "0".repeat(128)), "nonsense".to_owned(), String::new()] {
        let ends = Ends::with_layer(1000);
        ends.destination_proxy.rule(
            Rule::on("PUT", "*/blobs/uploads/*")
                .alters(move |answer| answer.header("docker-content-digest", &header)),
        );
        ends.arrives();
    }
}

#[test]
fn a_location_may_be_relative_or_absolute() {
    for absolute in [false, true] {
        let ends = Ends::with_layer(LENGTH);
        let host = ends.destination_proxy.address().to_owned();
        ends.destination_proxy.rule(Rule::on("POST", "*/blobs/uploads/").alters(move |answer| {
            let here = answer.headers.iter().find(|(name, _)| name == "location");
            let (_, path) = here.and_then(|(_, url)| url.split_once("/v2/")).expect("a location");
            let start = if absolute { format!("http://{host}") } else { String::new() };
            let there = format!("{start}/v2/{path}?_state=a%2Bb%3D");
            answer.header("location", &there)
        }));
        ends.arrives();
        let puts = ends.destination_proxy.matching("PUT", "*/blobs/uploads/*");
        assert_eq!(puts.len(), 2, "both blobs go through this host");
        for put in puts {
            assert!(put.query.starts_with("_state=a%2Bb%3D&digest="), "{}", put.query);
        }
    }
}

#[test]
fn an_upload_without_a_location_fails() {
    let ends = Ends::with_layer(10);
    ends.destination_proxy
        .rule(Rule::on("POST", "*/blobs/uploads/").alters(|answer| answer.without("location")));
    ends.fails(&["destination: push blob", "location that cannot be used: there is none"]);
}

#[test]
fn an_inconclusive_destination_check_still_pushes() {
    for status in [401, 403, 404, 405] {
        let ends = Ends::with_layer(10);
        ends.destination_proxy.rule(Rule::on("HEAD", "*").answers(Answer::status(status)));
        ends.arrives();
    }
}

#[test]
fn a_denied_push_fails_at_once() {
    let ends = Ends::with_layer(10);
    ends.destination_proxy.rule(Rule::on("POST", "*").answers(Answer::error(403, "DENIED")));
    ends.fails(&["destination: push blob", "denied (403): DENIED: a fault"]);
    let asked = ends.destination_proxy.count("POST", "*");
    assert!((1..=2).contains(&asked), "403 is final for each of two blobs, not {asked}");
}

#[test]
fn a_response_in_the_middle_of_an_upload_is_read() {
    let ends = Ends::with_layer(8 << 20);
    let too_large = Answer::status(413).header("connection", "close").body("<html>too large");
    ends.destination_proxy.rule(Rule::on("PUT", "*/blobs/uploads/*").refuses_after(10, too_large));
    ends.fails(&["destination: push blob", "(413)", "limits the size of uploads"]);
    let asked = ends.destination_proxy.count("PUT", "*/blobs/uploads/*");
    assert!((1..=2).contains(&asked), "413 is final for each of two blobs, not {asked}");
}

/// Copies two repositories with a shared layer in sequence, through a fault proxy before the
/// destination.
fn shared_layer(fault: impl FnOnce(&FaultProxy)) -> (FaultProxy, Registry) {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    for name in ["one", "two"] {
        let image = Image::new("linux/amd64").layer(1, LENGTH).label("name", name).build();
        source.push(&format!("team/{name}"), TAG, &image);
    }
    let proxy = FaultProxy::before(&destination);
    fault(&proxy);
    Longshore::new()
        .mirror()
        .list("team/one team/one 1\nteam/two team/two 1\n")
        .source(source.address())
        .destination(proxy.address())
        .args(["-j", "1"])
        .run()
        .exits(0);
    for name in ["one", "two"] {
        destination.assert_complete(&format!("team/{name}"), TAG);
    }
    (proxy, destination)
}

#[test]
fn a_refused_mount_falls_back_to_an_upload() {
    const MOUNT: &str = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
    let (honest, _registry) = shared_layer(|_| {});
    assert_eq!(honest.count("POST", MOUNT), 1, "the second image mounts the layer");
    assert_eq!(honest.count("PUT", "*/blobs/uploads/*"), 3, "one layer and two configurations");
    for status in [401, 403, 404, 405, 500] {
        let (proxy, _registry) = shared_layer(|proxy| {
            proxy.rule(Rule::on("POST", MOUNT).answers(Answer::status(status)));
        });
        assert_eq!(proxy.count("PUT", "*/blobs/uploads/*"), 4, "{status}: the layer goes twice");
    }
}

#[test]
fn a_mount_that_requires_a_login_counts_as_refused() {
    const MOUNT: &str = "/v2/team/two/blobs/uploads/?*from=team%2Fone*";
    let challenge = "Bearer realm=\"http://127.0.0.1:1/token\",service=\"x\"";
    let (proxy, _registry) = shared_layer(|proxy| {
        let answer = Answer::status(401).header("www-authenticate", challenge);
        proxy.rule(Rule::on("POST", MOUNT).answers(answer));
    });
    assert_eq!(proxy.count("PUT", "*/blobs/uploads/*"), 4, "the layer goes twice");
}

#[test]
fn a_mount_that_opens_an_upload_continues_as_an_upload() {
    let (proxy, _registry) = shared_layer(|proxy| {
        proxy.rule(Rule::on("POST", "/v2/team/two/blobs/uploads/?*from=team%2Fone*").answers_by(
            |seen| Some(Answer::status(202).header("location", &format!("{}lost", seen.path))),
        ));
    });
    assert_eq!(proxy.count("PUT", "*/blobs/uploads/*lost*"), 1, "the session is used");
    assert_eq!(proxy.count("PUT", "*/blobs/uploads/*"), 5, "and replaced where it is unknown");
}

#[test]
fn an_immutable_tag_with_the_same_digest_counts_as_copied() {
    for refusal in [Answer::status(412), Answer::error(400, "TAG_INVALID")] {
        let ends = Ends::with_layer(10);
        ends.destination.push(REPOSITORY, TAG, &ends.image);
        // The first check must fail. Otherwise longshore would find the tag and skip the entry.
        ends.destination_proxy
            .rule(Rule::on("HEAD", TAG_PATH).first(1).answers(Answer::status(404)))
            .rule(Rule::on("PUT", TAG_PATH).answers(refusal));
        ends.arrives();
        assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 1, "it is not retried");
    }
}

#[test]
fn an_immutable_tag_with_another_digest_is_a_failure_of_its_own() {
    for refusal in [Answer::status(412), Answer::error(400, "TAG_INVALID")] {
        let ends = Ends::with_layer(10);
        let other = Image::new("linux/amd64").layer(7, 7).build();
        ends.destination.push(REPOSITORY, TAG, &other);
        ends.destination_proxy.rule(Rule::on("PUT", TAG_PATH).answers(refusal));
        ends.mirror().exits(1).complains("immutable").complains(other.digest());
        assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 1, "it is not retried");
        assert_eq!(ends.destination.manifest(REPOSITORY, TAG).digest, other.digest());
    }
}
