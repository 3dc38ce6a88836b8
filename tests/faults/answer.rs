//! How responses are interpreted: inconclusive HEADs, lost responses, permissions that end.

use longshore_content::{Endpoint, Image};

use super::{Ends, REPOSITORY, TAG};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule};

const TAG_PATH: &str = "/v2/team/app/manifests/1";

#[test]
fn an_inconclusive_head_falls_back_to_get() {
    let refused = |status: u16| move |_: Answer| Answer::status(status);
    let altered: [fn(Answer) -> Answer; 2] = [
        |answer| answer.without("docker-content-digest"),
        |answer| answer.header("docker-content-digest", "blake3:00"),
    ];
    for at_source in [true, false] {
        let faults = [405, 500, 503].map(|status| Box::new(refused(status)) as Box<_>);
        let faults = faults.into_iter().chain(altered.map(|alter| Box::new(alter) as Box<_>));
        for fault in faults {
            let fault: Box<dyn Fn(Answer) -> Answer + Send + Sync> = fault;
            let ends = Ends::with_layer(10);
            ends.arrives();
            let proxy = if at_source { &ends.source_proxy } else { &ends.destination_proxy };
            proxy.rule(Rule::on("HEAD", "*/manifests/*").alters(fault));
            ends.destination_proxy.forget();
            let run = ends.mirror().exits(0);
            assert!(run.stdout.contains("0 copied, 1 skipped"), "{}", run.stdout);
            assert_eq!(ends.destination_proxy.count("PUT", "*"), 0, "it is there");
        }
    }
}

#[test]
fn a_blob_commit_without_a_response_is_checked() {
    let ends = Ends::with_layer(300_000);
    ends.destination_proxy
        .rule(Rule::on("PUT", "*/blobs/uploads/*").first(1).alters(Answer::dropped));
    ends.arrives();
    assert_eq!(ends.destination_proxy.count("PUT", "*/blobs/uploads/*"), 2, "none goes twice");
    assert_eq!(ends.destination_proxy.count("HEAD", "*/blobs/*"), 1);
}

#[test]
fn a_manifest_push_without_a_response_is_checked() {
    let ends = Ends::with_layer(10);
    ends.destination_proxy.rule(Rule::on("PUT", TAG_PATH).first(1).alters(Answer::dropped));
    ends.arrives();
    assert_eq!(ends.destination_proxy.count("PUT", TAG_PATH), 1, "it had arrived");
}

#[test]
fn a_lost_upload_session_is_replaced() {
    let ends = Ends::with_layer(300_000);
    ends.destination_proxy
        .rule(Rule::on("PUT", "*/blobs/uploads/*").first(1).answers(Answer::status(404)));
    ends.arrives();
}

#[test]
fn an_inconclusive_mount_is_detected_and_replaced_by_head() {
    let ends = Ends::with_layer(10);
    let one = Image::new("linux/amd64").layer(5, 10).layer(6, 10).build();
    ends.source.push(REPOSITORY, "2", &one);
    ends.destination_proxy.rule(
        // It always opens an upload session, even if the blob exists.
        Rule::on("POST", "*/blobs/uploads/?*mount=*").answers_by({
            let there = ends.destination.address().to_owned();
            move |_| Some(open_session(&there))
        }),
    );
    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .args(["-j", "1"])
        .run();
    run.exits(0);
    ends.destination.assert_complete(REPOSITORY, "2");
    let heads = ends.destination_proxy.count("HEAD", "*/blobs/*");
    assert!(heads >= 3, "{heads} HEADs: the second image's blobs are asked for so");
    assert!(ends.destination_proxy.count("DELETE", "*/blobs/uploads/*") >= 1, "an unused session");
}

/// Opens an upload session in the registry at `address`.
fn open_session(address: &str) -> Answer {
    let client = Endpoint::new(address);
    let location = client.open_upload(REPOSITORY).expect("it opens an upload");
    // The fault proxy forwards the upload.
    let path = location.split_once("/v2/").map_or("", |(_, path)| path);
    Answer::status(202).header("location", &format!("/v2/{path}"))
}

#[test]
fn mounts_stop_after_repeated_refusals() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let proxy = FaultProxy::before(&destination);
    let mut list = String::new();
    for number in 1..=8 {
        let image =
            Image::new("linux/amd64").layer(1, 1000).label("number", &number.to_string()).build();
        source.push(&format!("team/app{number}"), TAG, &image);
        list.push_str(&format!("team/app{number} team/app{number} {TAG}\n"));
    }
    // Mounts from another repository, not probes.
    proxy.rule(Rule::on("POST", "*/blobs/uploads/?*mount=*").answers_by(|seen| {
        let from = seen.parameters("from").remove(0);
        (!seen.path.contains(&format!("/v2/{from}/"))).then(|| Answer::status(404))
    }));
    Longshore::new()
        .mirror()
        .list(&list)
        .source(source.address())
        .destination(proxy.address())
        .args(["-j", "1"])
        .run()
        .exits(0);
    let mounts = proxy
        .matching("POST", "*/blobs/uploads/?*mount=*")
        .iter()
        .filter(|seen| !seen.path.contains(&format!("/v2/{}/", seen.parameters("from")[0])))
        .count();
    assert_eq!(mounts, 3, "three refusals are enough");
    destination.assert_complete("team/app8", TAG);
}

#[test]
fn an_expired_redirect_is_requested_again() {
    let ends = Ends::with_layer(300_000);
    let elsewhere = FaultProxy::before(&ends.source);
    let to = format!("http://{}{}", elsewhere.address(), ends.layer_path());
    ends.source_proxy.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::redirect(&to)));
    elsewhere.rule(Rule::on("GET", "*").first(1).answers(Answer::status(403)));
    ends.arrives();
    assert_eq!(ends.source_proxy.count("GET", &ends.layer_path()), 2);
}

#[test]
fn a_pull_through_cache_without_the_digest_is_asked_for_the_tag() {
    let ends = Ends::with_layer(10);
    let by_digest = format!("/v2/{REPOSITORY}/manifests/{}", ends.image.digest());
    ends.source_proxy
        .rule(Rule::on("GET", &by_digest).first(1).answers(Answer::error(404, "MANIFEST_UNKNOWN")));
    Longshore::new()
        .mirror()
        .list(&format!("team/app team/app 1@{}\n", ends.image.digest()))
        .source(ends.source_proxy.address())
        .destination(ends.destination_proxy.address())
        .run()
        .exits(0);
    assert_eq!(ends.source_proxy.count("HEAD", TAG_PATH), 1);
    ends.destination.assert_complete(REPOSITORY, TAG);
}

#[test]
fn a_proxy_that_compresses_answers_is_named() {
    let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 1, 2, 3, 4];
    let others: &[u8] = &[0x8b, 2, 0x80, 3];
    for (header, body, encoding) in [
        (Some("gzip"), gzip, "gzip"),
        (None, gzip, "gzip"),
        (Some("br"), others, "br"),
        (Some("deflate"), others, "deflate"),
    ] {
        let ends = Ends::with_layer(1000);
        let answer = Answer::status(200).body(body);
        let answer = match header {
            Some(name) => answer.header("content-encoding", name),
            None => answer,
        };
        ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(answer));
        let said = format!("is compressed ({encoding}), which was not asked for");
        ends.fails(&["source: fetch manifest", &said, "hint: a proxy on the way compresses"]);
    }
}

#[test]
fn a_web_page_in_place_of_json_is_named() {
    for (page, said) in [
        ("<!doctype html><html><title>Sign in</title>", "with a web page (Sign in), which no"),
        ("\n <html><head><title>200 OK</title></head>", "with a web page, which no registry does"),
        ("<p>hello", "with a web page, which no registry does"),
    ] {
        let ends = Ends::with_layer(1000);
        let answer = Answer::status(200).header("content-type", "text/html").body(page);
        ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(answer.clone()));
        let hint = "hint: check the registry's name and port: a login page, a proxy";
        ends.fails(&["source: fetch manifest", said, hint]);

        // A redirect to such a page, and a list of tags.
        ends.source_proxy.clear_rules();
        let moved = Answer::redirect("/login");
        ends.source_proxy.rule(Rule::on("GET", "/login").answers(answer.clone()));
        ends.source_proxy.rule(Rule::on("GET", "*/manifests/*").answers(moved));
        ends.fails(&["source: fetch manifest", said, hint]);
        ends.source_proxy.clear_rules();
        ends.source_proxy.rule(Rule::on("GET", "*/tags/list*").answers(answer));
        let run = Longshore::new().mirror().list("team/app team/app *\n");
        let run = run.source(ends.source_proxy.address()).destination(ends.destination.address());
        run.run().exits(1).complains("list the tags of").complains(said).complains(hint);
    }
}

#[test]
fn a_registry_that_is_read_only_is_said_to_be() {
    // As of longshore serve, and of distribution in maintenance.
    for answer in [Answer::error(405, "DENIED"), Answer::status(405)] {
        let ends = Ends::with_layer(10);
        ends.destination_proxy.rule(Rule::on("POST", "*/blobs/uploads/*").answers(answer.clone()));
        ends.destination_proxy.rule(Rule::on("PUT", "*").answers(answer));
        let run = ends.mirror().exits(1).complains("(405)");
        run.complains("hint: the registry is read-only: end its maintenance");
    }
}
