//! Killed at any point, a run leaves no tag at the destination that does not resolve completely.

use std::time::Duration;

use longshore_content::{Content, Image, Index};

use crate::support::{Longshore, Lying, Registry, Rule, Running};

const REPOSITORIES: [&str; 3] = ["team/one", "team/two", "team/three"];
const LIST: &str = "team/one team/one 1\nteam/two team/two 1\nteam/three team/three 1\n";

/// An index of two images that share a layer among themselves and with the other repositories.
fn content(seed: u64) -> Content {
    let image = |platform: &str, own: u64| {
        Image::new(platform).layer(1, 150_000).layer(100 * seed + own, 60_000).build()
    };
    Index::oci().child(&image("linux/amd64", 1)).child(&image("linux/arm64", 2)).build()
}

/// A source with all repositories.
fn source() -> Registry {
    let source = Registry::embedded();
    for (seed, repository) in (1..).zip(REPOSITORIES) {
        source.push(repository, "1", &content(seed));
    }
    source
}

/// What tags there are at the destination resolve completely; how many there are.
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

/// Copies run for about so long with the pauses of [`slow`].
const COPY: u64 = 700;

/// A liar that takes its time with each request.
fn slow(registry: &Registry) -> Lying {
    let lying = Lying::before(registry);
    let pause = Duration::from_millis(3);
    lying.rule(Rule::on("GET", "*/blobs/*").alters(move |answer| answer.dripping(8_000, pause)));
    let pause = Duration::from_millis(15);
    lying.rule(Rule::on("*", "*").alters(move |answer| answer.after(pause)));
    lying
}

/// Points in time, in milliseconds: spread over a copy and shaken by a fixed seed.
fn points(count: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    (0..count).map(move |index| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        index * COPY / count + (state >> 33) % (COPY / count)
    })
}

fn mirror(source: &str, destination: &str) -> Longshore {
    Longshore::new().mirror().list(LIST).source(source).destination(destination)
}

/// A run that has copied for `point` milliseconds, or a little more.
fn copies_for(source: &str, destination: &str, point: u64) -> Running {
    let run = mirror(source, destination).start();
    // The clock starts when the program does something, or loading would be all that is killed.
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
fn a_killed_copy_leaves_whole_tags() {
    let source = source();
    let lying = slow(&source);
    let destination = Registry::embedded();
    let slow_destination = slow(&destination);
    let mut seen = Vec::new();
    for point in points(15, 7) {
        let run = copies_for(lying.address(), slow_destination.address(), point);
        drop(run.kill());
        seen.push(assert_whole(&destination, point));
    }
    // Runs go on where the killed ones before them stopped, so the last ones may find all in place.
    assert!(
        seen[0] < REPOSITORIES.len(),
        "the first was killed too late to show anything: {seen:?}"
    );
    assert_next_run_completes(&source, &destination);
}

#[test]
fn a_copy_killed_at_any_point_of_a_fresh_destination_leaves_whole_tags() {
    let source = source();
    let lying = slow(&source);
    let mut seen = Vec::new();
    for point in points(8, 11) {
        let destination = Registry::embedded();
        let slow_destination = slow(&destination);
        let run = copies_for(lying.address(), slow_destination.address(), point);
        drop(run.kill());
        seen.push(assert_whole(&destination, point));
    }
    assert!(seen.contains(&0), "no kill came early enough: {seen:?}");
}

#[test]
fn a_killed_destination_keeps_whole_tags_and_takes_the_rest_later() {
    let source = source();
    let lying = slow(&source);
    let serve = ["serve", "registry", "--listen", "127.0.0.1:0"];
    let mut destination = Registry::embedded_by(Longshore::new().args(serve));
    for point in points(6, 5) {
        let slow_destination = slow(&destination);
        let run = copies_for(lying.address(), slow_destination.address(), point);
        let left = destination.killed();
        // It would try for seconds to reach what is gone.
        drop(run.kill());
        destination = Registry::embedded_by(left.args(serve));
        assert_whole(&destination, point);
    }
    assert_next_run_completes(&source, &destination);
}
