//! A run that is killed at any point leaves only complete tags at the destination.

use std::time::Duration;

use longshore_content::{Content, Image, Index};

use crate::support::{FaultProxy, Longshore, Registry, Rule, Running};

pub(crate) const REPOSITORIES: [&str; 3] = ["team/one", "team/two", "team/three"];
pub(crate) const LIST: &str = "team/one team/one 1\nteam/two team/two 1\nteam/three team/three 1\n";

/// Creates an index of two images. They share a layer with each other and with the other
/// repositories.
pub(crate) fn content(seed: u64) -> Content {
    let image = |platform: &str, own: u64| {
        Image::new(platform).layer(1, 150_000).layer(100 * seed + own, 60_000).build()
    };
    Index::oci().child(&image("linux/amd64", 1)).child(&image("linux/arm64", 2)).build()
}

/// Creates a source with all repositories.
fn source() -> Registry {
    let source = Registry::embedded();
    for (seed, repository) in (1..).zip(REPOSITORIES) {
        source.push(repository, "1", &content(seed));
    }
    source
}

/// Checks that all tags at the destination are complete. Returns their number.
#[track_caller]
fn assert_whole(destination: &Registry, point: u64) -> usize {
    let mut tags = 0;
    for repository in REPOSITORIES {
        for tag in destination.endpoint().tags(repository).expect("it answers") {
            tags += 1;
            let broken = destination.endpoint().broken(repository, &tag).expect("it answers");
            assert!(broken.is_empty(), "killed after {point} ms: {repository}:{tag} {broken:#?}");
        }
    }
    tags
}

/// Approximate duration of a copy with the delays of [`slow`], in milliseconds.
const COPY: u64 = 700;

/// Creates a proxy that delays each request.
pub(crate) fn slow(registry: &Registry) -> FaultProxy {
    let proxy = FaultProxy::before(registry);
    let pause = Duration::from_millis(3);
    proxy.rule(Rule::on("GET", "*/blobs/*").alters(move |answer| answer.dripping(8_000, pause)));
    let pause = Duration::from_millis(15);
    proxy.rule(Rule::on("*", "*").alters(move |answer| answer.after(pause)));
    proxy
}

/// Returns points in time in milliseconds: spread over a copy, with a jitter from a fixed seed.
pub(crate) fn points(count: u64, seed: u64) -> impl Iterator<Item = u64> {
    points_within(COPY, count, seed)
}

/// Returns points in time within so many milliseconds.
pub(crate) fn points_within(whole: u64, count: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    (0..count).map(move |index| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        index * whole / count + (state >> 33) % (whole / count).max(1)
    })
}

fn mirror(source: &str, destination: &str) -> Longshore {
    Longshore::new().mirror().list(LIST).source(source).destination(destination)
}

/// Starts a run and waits until it has copied for at least `point` milliseconds.
fn copies_for(source: &str, destination: &str, point: u64) -> Running {
    let run = mirror(source, destination).arg("--debug").start();
    // The clock starts with the first activity. Otherwise only the loading phase would be killed.
    run.line(|line| line.contains("[M_ID:1]").then_some(()));
    std::thread::sleep(Duration::from_millis(point));
    run
}

#[track_caller]
fn assert_next_run_completes(source: &Registry, destination: &Registry) {
    mirror(source.address(), destination.address()).run().exits(0);
    assert_eq!(assert_whole(destination, 0), 3, "the next run completes it");
}

#[test]
fn a_killed_copy_leaves_only_complete_tags() {
    let source = source();
    let proxy = slow(&source);
    let destination = Registry::embedded();
    let slow_destination = slow(&destination);
    let mut seen = Vec::new();
    for point in points(15, 7) {
        let run = copies_for(proxy.address(), slow_destination.address(), point);
        drop(run.kill());
        seen.push(assert_whole(&destination, point));
    }
    // Runs continue where the killed runs stopped, so the last ones may find everything in place.
    assert!(
        seen[0] < REPOSITORIES.len(),
        "the first was killed too late to show anything: {seen:?}"
    );
    assert_next_run_completes(&source, &destination);
}

#[test]
fn a_copy_killed_at_any_point_leaves_complete_tags() {
    let source = source();
    let proxy = slow(&source);
    let mut seen = Vec::new();
    for point in points(8, 11) {
        let destination = Registry::embedded();
        let slow_destination = slow(&destination);
        let run = copies_for(proxy.address(), slow_destination.address(), point);
        drop(run.kill());
        seen.push(assert_whole(&destination, point));
    }
    assert!(seen.contains(&0), "no kill came early enough: {seen:?}");
}

#[test]
fn a_killed_destination_keeps_complete_tags_and_a_later_run_adds_the_rest() {
    let source = source();
    let proxy = slow(&source);
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0"];
    let mut destination = Registry::embedded_by(Longshore::new().args(serve));
    for point in points(6, 5) {
        let slow_destination = slow(&destination);
        let run = copies_for(proxy.address(), slow_destination.address(), point);
        let left = destination.killed();
        // It would retry for seconds to reach the killed registry.
        drop(run.kill());
        destination = Registry::embedded_by(left.args(serve));
        assert_whole(&destination, point);
    }
    assert_next_run_completes(&source, &destination);
}
