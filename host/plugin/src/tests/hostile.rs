//! Plugins that trap, loop, allocate, pry and return nonsense.

use std::time::{Duration, Instant};

use super::{host, load, setup};
use crate::contract::{Artifact, Item};
use crate::{Call, Failure, Kind, Limits, PluginError};

/// How a list format fails on a list.
async fn failure_of(fixture: (&str, &str), limits: Limits) -> Failure {
    let plugin = load(&host(limits), Kind::ListFormat, fixture, setup()).await.expect("loads");
    match plugin.parse("list.txt", "a b c").await {
        Err(PluginError::Call { plugin, call: Call::Parse, failure, .. }) => {
            assert_eq!(plugin, fixture.0, "the error names another plugin");
            failure
        }
        other => panic!("{} did not fail as a call: {other:?}", fixture.0),
    }
}

#[tokio::test]
async fn a_trap_is_reported_by_its_kind() {
    let failure = failure_of(fixture!("traps"), Limits::default()).await;
    let Failure::Trapped { reason } = failure else {
        panic!("{failure:?}");
    };
    assert!(reason.contains("unreachable"), "{reason}");
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_cpu_limit() {
    let limits = Limits { cpu: Duration::from_millis(50), ..Limits::default() };
    let started = Instant::now();
    let failure = failure_of(fixture!("loops"), limits).await;
    assert!(matches!(failure, Failure::CpuTime { .. }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_computing_guest_lets_the_timer_run() {
    let limits = Limits { wall: Duration::from_millis(100), ..Limits::default() };
    let failure = failure_of(fixture!("loops"), limits).await;
    assert!(matches!(failure, Failure::WallTime { .. }), "{failure:?}");
}

#[tokio::test]
async fn endless_allocation_ends_at_the_memory_limit() {
    let failure = failure_of(fixture!("allocates"), Limits::default()).await;
    assert!(matches!(failure, Failure::OutOfMemory { .. }), "{failure:?}");
}

#[tokio::test]
async fn ten_million_entries_are_too_much() {
    let failure = failure_of(fixture!("many-entries"), Limits::default()).await;
    assert!(matches!(failure, Failure::ResultTooLarge { .. }), "{failure:?}");
    let few = Limits {
        memory: 64 * 1024 * 1024,
        list_result: usize::MAX,
        entries: 1000,
        ..Limits::default()
    };
    let failure = failure_of(fixture!("many-entries"), few).await;
    assert!(failure.to_string().contains("at most 1000"), "{failure}");
}

#[tokio::test]
async fn gigabytes_of_one_megabyte_are_never_lifted() {
    let started = Instant::now();
    let failure = failure_of(fixture!("lifts-gigabytes"), Limits::default()).await;
    assert!(matches!(failure, Failure::ResultTooLarge { .. }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(20), "it was lifted before it was refused");
}

#[tokio::test]
async fn exit_is_a_failure() {
    let failure = failure_of(fixture!("exits"), Limits::default()).await;
    assert_eq!(failure, Failure::Exited { status: 1 });
}

#[tokio::test]
async fn a_newline_in_a_reference_is_the_plugins_error() {
    let failure = failure_of(fixture!("newline"), Limits::default()).await;
    let Failure::InvalidResult { reason } = failure else {
        panic!("{failure:?}");
    };
    assert_eq!(
        reason,
        "the source of the entry at line 7 holds a control character: \
         `registry.example.com/evil\\nfatal: all lost`"
    );
}

#[tokio::test]
async fn there_is_nothing_behind_wasi() {
    let plugin = load(&host(Limits::default()), Kind::ListFormat, fixture!("pries"), setup())
        .await
        .expect("loads");
    let mut runs = Vec::new();
    for _ in 0..2 {
        let parsed = plugin.parse("list.txt", "").await.expect("returns");
        let found: Vec<_> = parsed.diagnostics.iter().map(|found| found.column).collect();
        runs.push(found);
    }
    let [environment, arguments, folders, socket, lookup, seconds, _random] = runs[0][..] else {
        panic!("{runs:?}");
    };
    assert_eq!(environment, 0, "a guest sees environment variables");
    assert_eq!(arguments, 1, "a guest gets other arguments than its name");
    assert_eq!(folders, 0, "a guest sees folders");
    assert_ne!(socket, 0, "a guest made a socket");
    // Looking up is refused when the stream is read at the latest; wasmtime refuses at once.
    assert_ne!(lookup, 0, "a guest looked up a name");
    assert_eq!(seconds, 1_700_000_000, "the wall clock is not the run's start");
    assert_eq!(runs[0], runs[1], "a second run drew other random numbers");
}

#[tokio::test]
async fn a_result_of_another_length_is_an_error_of_the_plugin() {
    let plugin = load(&host(Limits::default()), Kind::Rewrite, fixture!("swallows"), setup())
        .await
        .expect("loads");
    let item = Item {
        artifact: Artifact::Image,
        source: "docker.io/library/mysql:8".to_owned(),
        destination: "registry.example.com/library/mysql:8".to_owned(),
        attributes: Vec::new(),
    };
    let error = plugin.rewrite(&[item]).await.expect_err("it was believed");
    assert_eq!(
        error.to_string(),
        "rewrite destinations with plugin `swallows`: the plugin returned an invalid result: \
         0 verdicts for 1 items"
    );
    assert_eq!(plugin.rewrite(&[]).await.expect("nothing to ask"), []);
}
