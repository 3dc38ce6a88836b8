//! Coordinators that are interrupted, meet another one or never return.

use super::{assert_arrived, assert_clean, end, filled, list, started, worker};
use crate::kill::slow;
use crate::support::{Longshore, Nats};

#[test]
fn two_coordinators_of_one_name_do_not_mix() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let fleet = ["--fleet", &nats.url(), "--run=both"];
    let first = pair.mirror(&list(3)).args(fleet).start();
    first.line(|line| line.contains("began the run both").then_some(()));
    let second = pair.mirror(&list(3)).args(fleet).run().exits(2);
    let second = second.complains("another coordinator does so already (process ");
    second.complains("--run NAME");
    // Another run goes beside it.
    let third = pair.mirror(&list(6)).args(["--fleet", &nats.url(), "--run=third"]).start();
    third.line(|line| line.contains("began the run third").then_some(()));
    let worker = worker(&nats, "w").start();
    first.finish().exits(0).sums_up("3 copied, 0 skipped, 0 failed");
    third.finish().exits(0).sums_up("3 copied, 3 skipped, 0 failed");
    end(worker);
    assert_clean(&nats);
}

#[test]
fn another_list_does_not_attach() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(6);
    let fleet = ["--fleet", &nats.url(), "--run=mine"];
    let first = pair.mirror(&list(3)).args(fleet).start();
    first.line(|line| line.contains("began the run mine").then_some(()));
    drop(first.kill());
    for (list, flag) in [(list(6), "-j=8"), (list(3), "--index=oci"), (list(3), "--referrers")] {
        let other = pair.mirror(&list).args(fleet).arg(flag).run().exits(2);
        other.complains("it exists with another list or other options");
    }
    let worker = worker(&nats, "w").start();
    let same = pair.mirror(&list(3)).args(fleet).run().exits(0);
    same.complains("attached to the run mine").sums_up("3 copied");
    end(worker);
    assert_clean(&nats);
}

#[test]
fn an_interrupt_leaves_complete_tags_and_an_exact_failed_list() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(12);
    let (source, destination) = (slow(&pair.source), slow(&pair.destination));
    let worker = started(worker(&nats, "w").args(["-j", "1"]));
    let run = Longshore::new()
        .mirror()
        .list(&list(12))
        .source(source.address())
        .destination(destination.address())
        .args(["--fleet", &nats.url(), "--output=json"])
        .start();
    crate::interrupt::wait_for(&destination, "PUT", "*/manifests/*");
    run.interrupt();
    let run = run.finish().exits(130);
    let report = run.json();
    let mut failed = Vec::new();
    for entry in report["entries"].as_array().expect("there are entries") {
        let text = entry["destination"].as_str().expect("it is text");
        let (repository, tag) = text.rsplit_once(':').expect("it has a tag");
        let (_, repository) = repository.split_once('/').expect("it has a registry");
        if entry["status"] == "copied" {
            pair.destination.assert_complete(repository, tag);
        } else {
            failed.push(format!("team/{} {repository} {tag}", &repository["copies/".len()..]));
        }
    }
    assert!(!failed.is_empty(), "it was interrupted too late");
    let written = run.file("mirror-failed.txt").expect("there is a failed list");
    let written: Vec<&str> = written.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(written, failed);
    assert_clean(&nats);
    // The worker stays for the next run.
    let rest = pair.mirror(&list(12)).args(["--fleet", &nats.url()]).run().exits(0);
    assert!(rest.stdout.contains(" 0 failed"), "{}", rest.stdout);
    assert_arrived(&pair, 12);
    end(worker);
}

/// Deletes the record and the lease of a run, as their age does.
fn age(nats: &Nats, name: &str) {
    let mut wire = nats.wire();
    for key in ["run", "lead"] {
        let filter = format!("{{\"filter\":\"$KV.longshore.{key}.{name}\"}}");
        assert_eq!(wire.api("STREAM.PURGE.KV_longshore", &filter)["success"], true);
    }
}

#[test]
fn streams_of_a_run_whose_coordinator_never_returns_are_deleted() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    for name in ["lost", "lost-jobs", "kept"] {
        let run = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run", name]).start();
        run.line(|line| line.contains("began the run").then_some(()));
        drop(run.kill());
    }
    // Somebody else's.
    let mut wire = nats.wire();
    let other = "{\"name\":\"orders-jobs\",\"subjects\":[\"orders.jobs\"]}";
    assert_eq!(wire.api("STREAM.CREATE.orders-jobs", other)["config"]["name"], "orders-jobs");
    age(&nats, "lost");
    age(&nats, "lost-jobs");
    let worker = started(worker(&nats, "w").args(["--run", "next"]));
    let next = pair.mirror(&list(3)).args(["--fleet", &nats.url(), "--run=next"]).run().exits(0);
    let next = next.sums_up("3 copied, 0 skipped, 0 failed");
    assert!(next.stderr.contains("deleted the streams of the run lost, which"), "{}", next.stderr);
    let mut streams = wire.streams();
    streams.sort();
    let kept = ["KV_longshore", "KV_longshore-kept-places", "longshore-kept-jobs"];
    let all: Vec<&str> = [&kept[..], &["longshore-kept-outcomes", "orders-jobs"]].concat();
    assert_eq!(streams, all);
    end(worker);
}

#[test]
fn a_coordinator_that_hangs_is_replaced_and_leaves_the_run_alone_when_it_comes_back() {
    let Some(nats) = Nats::start() else { return };
    let pair = filled(3);
    let start = || {
        let flags = ["--fleet", &nats.url(), "--run=over", "--output=json"];
        pair.mirror(&list(3)).args(flags).start()
    };
    let first = start();
    first.line(|line| line.contains("began the run over").then_some(()));
    nats.wire().published("over");
    first.signal("STOP");
    let second = start();
    second.line(|line| line.contains("attached to the run over").then_some(()));
    first.signal("CONT");
    let first = first.finish().exits(1);
    let first = first.complains("another coordinator has taken the run over");
    let failed = first.file("mirror-failed.txt").expect("there is a failed list");
    assert_eq!(failed.lines().filter(|line| !line.starts_with('#')).count(), 3, "{failed}");
    let worker = worker(&nats, "w").start();
    let report = second.finish().exits(0).json();
    assert_eq!((&report["copied"], &report["failed"]), (&3.into(), &0.into()), "{report:#}");
    assert_arrived(&pair, 3);
    end(worker);
    assert_clean(&nats);
}
