//! NATS goes away, or loses what it was told.

use std::time::Duration;

use super::{assert_arrived, assert_clean, end, filled, list, start_worker, worker};
use crate::kill::slow;
use crate::support::{Longshore, Nats};

#[test]
fn a_server_that_stays_away_fails_the_rest_by_name() {
    let Some(mut nats) = Nats::start() else { return };
    let pair = filled(3);
    let fleet = ["--fleet", &nats.url(), "--max-wait=2s"];
    let run = pair.mirror(&list(3)).args(fleet).start();
    run.line(|line| line.contains("began the run").then_some(()));
    nats.kill();
    let run = run.finish().exits(1).sums_up("0 copied, 0 skipped, 3 failed");
    let run = run.complains("was away for longer than --max-wait");
    let failed = run.file("mirror-failed.txt").expect("there is a failed list");
    assert_eq!(failed.lines().filter(|line| !line.starts_with('#')).count(), 3, "{failed}");
}

#[test]
fn a_server_that_is_away_at_the_end_does_not_change_the_report() {
    let Some(mut nats) = Nats::start() else { return };
    let pair = filled(3);
    let destination = slow(&pair.destination);
    let worker = start_worker(&nats, "w");
    let run = Longshore::new()
        .mirror()
        .list(&list(3))
        .source(pair.source.address())
        .destination(destination.address())
        .args(["--fleet", &nats.url(), "--max-wait=60s"])
        .start();
    crate::interrupt::wait_for(&destination, "PUT", "*/manifests/2");
    nats.kill();
    // The worker ends its images meanwhile.
    std::thread::sleep(Duration::from_secs(1));
    nats.again();
    run.finish().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 3);
    end(worker);
}

#[test]
fn a_server_that_hangs_for_longer_than_a_request_may_take_costs_no_upload() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(12);
    let (source, destination) = (slow(&pair.source), slow(&pair.destination));
    let workers = ["one", "two"].map(|name| start_worker(&nats, name));
    let run = Longshore::new().mirror().list(&list(12));
    let run = run.source(source.address()).destination(destination.address());
    let run = run.args(["--fleet", &nats.url()]).start();
    // Each worker claims the layer that all images share as soon as it has read a manifest.
    crate::interrupt::wait_for(&source, "GET", "*/manifests/*");
    nats.signal("STOP");
    std::thread::sleep(Duration::from_secs(6));
    nats.signal("CONT");
    let run = run.finish().exits(0);
    assert!(run.stdout.contains(" 0 failed"), "{}", run.stdout);
    assert_arrived(&pair, 12);
    let shared = longshore_content::digest(&longshore_content::random(1, super::SHARED));
    let uploads = destination.matching("PUT", "*/blobs/uploads/*");
    let of_shared = uploads.iter().filter(|seen| seen.parameters("digest") == [&*shared]);
    assert_eq!(of_shared.count(), 1, "the shared layer was uploaded more than once");
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}

#[test]
fn a_deleted_stream_ends_the_run_with_its_name() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    for stream in ["longshore-gone-jobs", "longshore-gone-outcomes"] {
        let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=gone"]).start();
        run.line(|line| line.contains("began the run gone").then_some(()));
        let mut wire = nats.wire();
        assert_eq!(wire.api(&format!("STREAM.DELETE.{stream}"), "")["success"], true);
        let run = run.finish().exits(1).sums_up("0 copied, 0 skipped, 3 failed");
        let run = run.complains(&format!("the stream {stream} was deleted"));
        let failed = run.file("mirror-failed.txt").expect("there is a failed list");
        assert_eq!(failed.lines().filter(|line| !line.starts_with('#')).count(), 3, "{failed}");
        assert_clean(&nats);
    }
}

#[test]
fn a_deleted_run_or_bucket_is_noticed() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=gone"]).start();
    run.line(|line| line.contains("began the run gone").then_some(()));
    let mut wire = nats.wire();
    // Until then the coordinator writes the record once more.
    wire.published("gone");
    let purge = wire.api("STREAM.PURGE.KV_longshore", "{\"filter\":\"$KV.longshore.run.gone\"}");
    assert_eq!(purge["success"], true, "{purge}");
    run.finish().exits(1).complains("the run gone in the bucket longshore was deleted");
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=all"]).start();
    run.line(|line| line.contains("began the run all").then_some(()));
    wire.published("all");
    assert_eq!(wire.api("STREAM.DELETE.KV_longshore", "")["success"], true);
    let run = run.finish().exits(1).complains("the bucket longshore was deleted");
    run.sums_up("0 copied, 0 skipped, 3 failed");
    assert!(!wire.streams().iter().any(|stream| stream.contains("-all-")), "a stream is left");
    // Without the places, workers send blobs without asking.
    let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=here"]).start();
    run.line(|line| line.contains("began the run here").then_some(()));
    assert_eq!(wire.api("STREAM.DELETE.KV_longshore-here-places", "")["success"], true);
    let worker = worker(&nats, "w").start();
    run.finish().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 3);
    end(worker);
}

#[test]
fn a_deleted_consumer_is_created_again() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let run = pair.mirror(&list(6)).args(["--fleet", &nats.url(), "--run=served"]).start();
    run.line(|line| line.contains("began the run served").then_some(()));
    let mut wire = nats.wire();
    wire.published("served");
    let stream = "longshore-served-jobs";
    let consumers = wire.api(&format!("CONSUMER.NAMES.{stream}"), "");
    let consumer = consumers["consumers"][0].as_str().expect("the run has a consumer");
    assert_eq!(wire.api(&format!("CONSUMER.DELETE.{stream}.{consumer}"), "")["success"], true);
    let worker = worker(&nats, "w").start();
    let again = format!("the consumer of {stream} was deleted; created it again");
    run.line(|line| line.contains(&again).then_some(()));
    run.finish().exits(0).sums_up("6 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 6);
    end(worker);
    assert_clean(&nats);
}

#[test]
fn purged_batches_are_published_again() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let run = pair.mirror(&list(6)).args(["--fleet", &nats.url(), "--run=purged"]).start();
    run.line(|line| line.contains("began the run purged").then_some(()));
    let mut wire = nats.wire();
    while wire.api("STREAM.INFO.longshore-purged-jobs", "")["state"]["messages"] != 2 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(wire.api("STREAM.PURGE.longshore-purged-jobs", "")["success"], true);
    run.line(|line| line.contains("6 jobs are in no batch any more").then_some(()));
    let worker = worker(&nats, "w").start();
    run.finish().exits(0).sums_up("6 copied, 0 skipped, 0 failed");
    assert_arrived(&pair, 6);
    end(worker);
    assert_clean(&nats);
}
