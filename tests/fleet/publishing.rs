//! The NATS server dies while jobs are published, or while outcomes come, with and without its storage.

use std::collections::BTreeSet;

use super::kills::{Within, at_each};
use super::{assert_arrived, assert_clean, end, filled, list, start_worker};
use crate::kill::slow;
use crate::support::{Longshore, Nats, Run, Running};

/// The jobs of a list that takes a while to publish: 32 in a batch.
const JOBS: u32 = 20_000;
const BATCHES: u64 = 20_000 / 32;

/// Starts a run of the long list, and returns it as soon as this many batches are stored.
fn published(nats: &Nats, batches: u64) -> Running {
    let lines = (0..JOBS).map(|number| format!("team/app-{number} copies/app-{number} 1\n"));
    let run = Longshore::new().mirror().list(&lines.collect::<String>());
    // No worker asks them for anything.
    let run = run.source("127.0.0.1:1").destination("127.0.0.1:2");
    let run = run.args(["--fleet", &nats.url(), "--run=long", "--quiet"]).start();
    nats.wire().stored("long", batches.max(1));
    run
}

/// The lines of the failed list that can be repeated.
fn failed(run: &Run) -> Vec<String> {
    let list = run.file("mirror-failed.txt").expect("there is a failed list");
    list.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn a_server_that_is_killed_while_jobs_are_published_has_each_once() {
    at_each(Within::Batches(BATCHES), 3, 4, |batches| {
        let Some(mut nats) = Nats::start() else { return };
        let run = published(&nats, batches);
        nats.kill();
        nats.again();
        let mut wire = nats.wire();
        wire.published("long");
        let jobs = wire.jobs("long");
        assert!(
            jobs.iter().copied().eq(1..=u64::from(JOBS)),
            "a job is missing, or is there twice"
        );
        run.interrupt();
        let run = run.finish().exits(130);
        assert_eq!(failed(&run).len(), JOBS as usize);
        assert_clean(&nats);
    });
}

#[test]
fn a_server_that_loses_its_storage_while_jobs_are_published_fails_all_by_name() {
    at_each(Within::Batches(BATCHES), 2, 8, |batches| {
        let Some(mut nats) = Nats::start() else { return };
        let run = published(&nats, batches);
        nats.kill();
        nats.lose_storage();
        nats.again();
        let run = run.finish().exits(1).complains("the run in NATS is broken: ");
        let run = run.complains(" was deleted").complains("repeat the run with the failed list");
        let failed: BTreeSet<String> = failed(&run).into_iter().collect();
        assert_eq!(failed.len(), JOBS as usize);
        // Nothing of it is in the way of the next run.
        drop(published(&nats, 1).kill());
    });
}

/// Kills the server as soon as so many tags are at the destination. Checks the report and the failed list, and
/// repeats the run with the same workers.
fn storage_is_lost_after(tags: u64) {
    let tags = usize::try_from(tags).expect("it is small") + 1;
    let Some(mut nats) = Nats::start() else { return };
    let pair = filled(12);
    let (source, destination) = (slow(&pair.source), slow(&pair.destination));
    let workers = ["one", "two"].map(|name| start_worker(&nats, name));
    let run = Longshore::new().mirror().list(&list(12));
    let run = run.source(source.address()).destination(destination.address());
    let run = run.args(["--fleet", &nats.url(), "--output=json"]).start();
    crate::interrupt::wait_for_some(&destination, "PUT", "*/manifests/*", tags);
    nats.kill();
    nats.lose_storage();
    nats.again();
    let run = run.finish().exits(1).complains("the run in NATS is broken: ");
    let report = run.json();
    let mut expected = Vec::new();
    for entry in report["entries"].as_array().expect("there are entries") {
        let text = entry["destination"].as_str().expect("it is text");
        let (name, tag) = text.rsplit_once(':').expect("it has a tag");
        let (_, repository) = name.split_once('/').expect("it has a registry");
        if entry["status"] == "copied" {
            pair.destination.assert_complete(repository, tag);
        } else {
            expected.push(format!("team/{} {repository} {tag}", &repository["copies/".len()..]));
        }
    }
    assert_eq!(failed(&run), expected);
    let again = pair.mirror(&list(12)).args(["--fleet", &nats.url()]).run().exits(0);
    assert!(again.stdout.contains(" 0 failed"), "{}", again.stdout);
    assert_arrived(&pair, 12);
    for worker in workers {
        end(worker);
    }
    assert_clean(&nats);
}

#[test]
fn a_server_that_loses_its_storage_while_outcomes_come_leaves_an_exact_failed_list() {
    at_each(Within::Tags(9), 3, 2, storage_is_lost_after);
}
