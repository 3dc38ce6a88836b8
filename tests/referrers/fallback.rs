//! Concurrent changes of fallback indexes: neither our entries nor those of other clients get lost.

use std::time::Duration;

use longshore_content::{Content, Endpoint, Image, Index};
use serde_json::Value;

use super::{SIGNATURE, artifact, tag_of};
use crate::support::{Answer, FaultProxy, Longshore, Registry, Rule, Run, Running};

/// An image with a signature at an embedded source, and another signature from another client.
struct Scene {
    source: Registry,
    destination: Registry,
    image: Content,
    ours: Content,
    theirs: Content,
}

impl Scene {
    fn new() -> Option<Self> {
        let (source, destination) = (Registry::embedded(), Registry::docker().start()?);
        let image = Image::new("linux/amd64").layer(1, 100).build();
        let (ours, theirs) = (artifact(SIGNATURE, 1, &image), artifact(SIGNATURE, 2, &image));
        source.push("team/app", "1", &image);
        source.push("team/app", ours.digest(), &ours);
        destination.push("team/app", "1", &image);
        destination.push("team/app", theirs.digest(), &theirs);
        Some(Self { source, destination, image, ours, theirs })
    }

    fn tag(&self) -> String {
        tag_of(&self.image, "")
    }

    fn start(&self, source: &Registry, destination: &str) -> Running {
        let run = Longshore::new().mirror().list("team/app team/app 1\n").arg("--referrers");
        run.source(source.address()).destination(destination).start()
    }

    fn mirror(&self, destination: &FaultProxy) -> Run {
        self.start(&self.source, destination.address()).finish()
    }

    /// Returns a fallback index with only the other client's signature.
    fn their_index(&self) -> Content {
        Index::oci().child_without_platform(&self.theirs).build()
    }

    /// Returns the digests in the fallback index, sorted.
    fn listed(&self) -> Vec<String> {
        let index = self.destination.manifest("team/app", &self.tag());
        let index: Value = serde_json::from_slice(&index.bytes).expect("it is JSON");
        let manifests = index["manifests"].as_array().expect("it is an index");
        let digest = |one: &Value| one["digest"].as_str().expect("it has a digest").to_owned();
        let mut digests: Vec<String> = manifests.iter().map(digest).collect();
        digests.sort();
        digests
    }

    fn both(&self) -> Vec<String> {
        let mut both = vec![self.ours.digest().to_owned(), self.theirs.digest().to_owned()];
        both.sort();
        both
    }
}

#[test]
fn an_overwritten_index_entry_is_added_again() {
    let Some(scene) = Scene::new() else { return };
    let proxy = FaultProxy::before(&scene.destination);
    let (other, tag, index) =
        (Endpoint::new(scene.destination.address()), scene.tag(), scene.their_index());
    // longshore has read twice and written once. Now the other client writes without having seen
    // that.
    let read_back = Rule::on("GET", &format!("*/manifests/{tag}")).occurring(3..=3);
    proxy.rule(read_back.answers_by(move |_| {
        other.push("team/app", &tag, &index).expect("the other one writes");
        None
    }));
    scene.mirror(&proxy).exits(0).complains("1 referrer copied");
    assert_eq!(scene.listed(), scene.both());
    assert_eq!(proxy.count("PUT", &format!("*/manifests/{}", scene.tag())), 2);
}

#[test]
fn two_runs_at_once_lose_nothing() {
    let Some(scene) = Scene::new() else { return };
    let other = Registry::embedded();
    other.push("team/app", "1", &scene.image);
    other.push("team/app", scene.theirs.digest(), &scene.theirs);
    let proxy = FaultProxy::before(&scene.destination);
    // Both runs have read the index when the first one writes.
    let late = Duration::from_millis(400);
    let reads = Rule::on("GET", &format!("*/manifests/{}", scene.tag()));
    proxy.rule(reads.alters(move |answer| answer.after(late)));
    let gone = scene.destination.endpoint().manifest("team/app", &scene.tag());
    assert!(gone.expect("it answers").is_none());
    // Content that exists only by digest is not listed, so both runs have something to add.
    let one = scene.start(&scene.source, proxy.address());
    let two = scene.start(&other, proxy.address());
    one.finish().exits(0);
    two.finish().exits(0);
    assert_eq!(scene.listed(), scene.both());
}

#[test]
fn a_failed_precondition_reads_the_index_again() {
    let Some(scene) = Scene::new() else { return };
    scene.destination.push("team/app", &scene.tag(), &scene.their_index());
    let proxy = FaultProxy::before(&scene.destination);
    let write = format!("*/manifests/{}", scene.tag());
    proxy.rule(Rule::on("PUT", &write).first(1).answers(Answer::status(412)));
    scene.mirror(&proxy).exits(0);
    assert_eq!(scene.listed(), scene.both());
    let writes = proxy.matching("PUT", &write);
    assert_eq!(writes.len(), 2);
    let expected = format!("\"{}\"", scene.their_index().digest());
    assert_eq!(writes[0].header("if-match"), Some(&*expected));
}

#[test]
fn an_entry_that_never_stays_in_the_index_fails() {
    let Some(scene) = Scene::new() else { return };
    let proxy = FaultProxy::before(&scene.destination);
    let index = format!("*/manifests/{}", scene.tag());
    proxy.rule(Rule::on("GET", &index).answers(Answer::status(404)));
    scene.mirror(&proxy).exits(1).complains("others keep changing it at the same time");
    assert_eq!(proxy.count("PUT", &index), 5);
}

#[test]
fn an_image_under_the_fallback_tag_is_not_overwritten() {
    let Some(scene) = Scene::new() else { return };
    let other = Image::new("linux/amd64").layer(7, 100).build();
    scene.destination.push("team/app", &scene.tag(), &other);
    let proxy = FaultProxy::before(&scene.destination);
    scene.mirror(&proxy).exits(1).complains("it is not an index of referrers");
    let held = scene.destination.manifest("team/app", &scene.tag());
    assert_eq!(held.digest, other.digest());
}

/// Some registries read the tag as the digest of the subject. The subject has other tags.
#[test]
fn the_subject_under_its_fallback_tag_is_replaced_by_the_index() {
    let Some(scene) = Scene::new() else { return };
    scene.destination.push("team/app", &scene.tag(), &scene.image);
    let proxy = FaultProxy::before(&scene.destination);
    scene.mirror(&proxy).exits(0);
    assert_eq!(scene.listed(), [scene.ours.digest()]);
    scene.destination.assert_complete("team/app", "1");
}
