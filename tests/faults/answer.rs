//! What answers mean (engine.md, section 6): HEADs that say nothing, answers that get lost, rights
//! that end.

use longshore_content::{Endpoint, Image};

use super::{Ends, REPOSITORY, TAG};
use crate::support::{Answer, Longshore, Lying, Registry, Rule};

const TAG_PATH: &str = "/v2/team/app/manifests/1";

#[test]
fn a_head_that_says_nothing_is_a_get() {
    let refused = |status: u16| move |_: Answer| Answer::status(status);
    let altered: [fn(Answer) -> Answer; 2] = [
        |answer| answer.without("docker-content-digest"),
        |answer| answer.header("docker-content-digest", "blake3:00"),
    ];
    for at_source in [true, false] {
        let lies = [405, 500, 503].map(|status| Box::new(refused(status)) as Box<_>);
        let lies = lies.into_iter().chain(altered.map(|alter| Box::new(alter) as Box<_>));
        for lie in lies {
            let lie: Box<dyn Fn(Answer) -> Answer + Send + Sync> = lie;
            let ends = Ends::with_layer(10);
            ends.arrives();
            let lying = if at_source { &ends.lying_source } else { &ends.lying_destination };
            lying.rule(Rule::on("HEAD", "*/manifests/*").alters(lie));
            ends.lying_destination.forget();
            let run = ends.mirror().exits(0);
            assert!(run.stdout.contains("0 copied, 1 skipped"), "{}", run.stdout);
            assert_eq!(ends.lying_destination.count("PUT", "*"), 0, "it is there");
        }
    }
}

#[test]
fn a_blob_whose_commit_is_not_answered_is_looked_for() {
    let ends = Ends::with_layer(300_000);
    ends.lying_destination
        .rule(Rule::on("PUT", "*/blobs/uploads/*").first(1).alters(Answer::dropped));
    ends.arrives();
    assert_eq!(ends.lying_destination.count("PUT", "*/blobs/uploads/*"), 2, "none goes twice");
    assert_eq!(ends.lying_destination.count("HEAD", "*/blobs/*"), 1);
}

#[test]
fn a_manifest_whose_answer_is_lost_is_looked_for() {
    let ends = Ends::with_layer(10);
    ends.lying_destination.rule(Rule::on("PUT", TAG_PATH).first(1).alters(Answer::dropped));
    ends.arrives();
    assert_eq!(ends.lying_destination.count("PUT", TAG_PATH), 1, "it had arrived");
}

#[test]
fn a_session_that_got_lost_is_replaced() {
    let ends = Ends::with_layer(300_000);
    ends.lying_destination
        .rule(Rule::on("PUT", "*/blobs/uploads/*").first(1).answers(Answer::status(404)));
    ends.arrives();
}

#[test]
fn a_mount_that_tells_nothing_is_noticed_and_replaced_by_head() {
    let ends = Ends::with_layer(10);
    let one = Image::new("linux/amd64").layer(5, 10).layer(6, 10).build();
    ends.source.push(REPOSITORY, "2", &one);
    ends.lying_destination.rule(
        // It always opens a session, whatever is there.
        Rule::on("POST", "*/blobs/uploads/?*mount=*").answers_by({
            let there = ends.destination.address().to_owned();
            move |_| Some(open_session(&there))
        }),
    );
    let run = Longshore::new()
        .mirror()
        .list("team/app team/app 1\nteam/app team/app 2\n")
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .args(["-j", "1"])
        .run();
    run.exits(0);
    ends.destination.assert_complete(REPOSITORY, "2");
    let heads = ends.lying_destination.count("HEAD", "*/blobs/*");
    assert!(heads >= 3, "{heads} HEADs: the second image's blobs are asked for so");
    assert!(ends.lying_destination.count("DELETE", "*/blobs/uploads/*") >= 1, "an unused session");
}

/// A session that the registry at `address` opens.
fn open_session(address: &str) -> Answer {
    let client = Endpoint::new(address);
    let location = client.open_upload(REPOSITORY).expect("it opens an upload");
    // The liar carries what goes into it.
    let path = location.split_once("/v2/").map_or("", |(_, path)| path);
    Answer::status(202).header("location", &format!("/v2/{path}"))
}

#[test]
fn a_registry_that_refuses_mounts_is_not_asked_for_ever() {
    let (source, destination) = (Registry::embedded(), Registry::embedded());
    let lying = Lying::before(&destination);
    let mut list = String::new();
    for number in 1..=8 {
        let image =
            Image::new("linux/amd64").layer(1, 1000).label("number", &number.to_string()).build();
        source.push(&format!("team/app{number}"), TAG, &image);
        list.push_str(&format!("team/app{number} team/app{number} {TAG}\n"));
    }
    // From another repository: whatever is not a probe.
    lying.rule(Rule::on("POST", "*/blobs/uploads/?*mount=*").answers_by(|seen| {
        let from = seen.parameters("from").remove(0);
        (!seen.path.contains(&format!("/v2/{from}/"))).then(|| Answer::status(404))
    }));
    Longshore::new()
        .mirror()
        .list(&list)
        .source(source.address())
        .destination(lying.address())
        .args(["-j", "1"])
        .run()
        .exits(0);
    let mounts = lying
        .matching("POST", "*/blobs/uploads/?*mount=*")
        .iter()
        .filter(|seen| !seen.path.contains(&format!("/v2/{}/", seen.parameters("from")[0])))
        .count();
    assert_eq!(mounts, 3, "three refusals are enough");
    destination.assert_complete("team/app8", TAG);
}

#[test]
fn a_redirect_that_has_ended_is_asked_for_again() {
    let ends = Ends::with_layer(300_000);
    let elsewhere = Lying::before(&ends.source);
    let to = format!("http://{}{}", elsewhere.address(), ends.layer_path());
    ends.lying_source.rule(Rule::on("GET", &ends.layer_path()).answers(Answer::redirect(&to)));
    elsewhere.rule(Rule::on("GET", "*").first(1).answers(Answer::status(403)));
    ends.arrives();
    assert_eq!(ends.lying_source.count("GET", &ends.layer_path()), 2);
}

#[test]
fn a_pull_through_cache_that_knows_a_digest_only_after_its_tag_is_asked_for_the_tag() {
    let ends = Ends::with_layer(10);
    let by_digest = format!("/v2/{REPOSITORY}/manifests/{}", ends.image.digest());
    ends.lying_source
        .rule(Rule::on("GET", &by_digest).first(1).answers(Answer::error(404, "MANIFEST_UNKNOWN")));
    Longshore::new()
        .mirror()
        .list(&format!("team/app team/app 1@{}\n", ends.image.digest()))
        .source(ends.lying_source.address())
        .destination(ends.lying_destination.address())
        .run()
        .exits(0);
    assert_eq!(ends.lying_source.count("HEAD", TAG_PATH), 1);
    ends.destination.assert_complete(REPOSITORY, TAG);
}
