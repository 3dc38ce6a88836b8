//! `--fleet` and `longshore worker`: several machines share a run over NATS JetStream.

mod broken;
mod coordinators;
mod flags;
mod kills;
mod kubernetes;
mod machines;
mod many;
mod messages;
mod publishing;
mod sharing;
mod users;
mod versions;
mod workers;

use longshore_content::{Content, Image};

use crate::support::{Longshore, Nats, Pair, Registry, Run, Running};

/// The layer that all images share, in bytes. Blobs below 128 KiB are not claimed.
const SHARED: usize = 300_000;

/// An image with a layer that all images have, and one of its own.
fn image(seed: u64) -> Content {
    Image::new("linux/amd64").layer(1, SHARED).layer(1000 + seed, 20_000).build()
}

/// A list of `count` entries; three tags of each repository.
fn list(count: u64) -> String {
    let line = |number| format!("team/app-{} copies/app-{} {number}\n", number / 3, number / 3);
    (0..count).map(line).collect()
}

/// Pushes the images of [`list`].
fn fill(source: &Registry, count: u64) {
    for number in 0..count {
        source.push(&format!("team/app-{}", number / 3), &number.to_string(), &image(number));
    }
}

/// A pair whose source has the images of [`list`].
fn filled(count: u64) -> Pair {
    let pair = Pair::embedded();
    fill(&pair.source, count);
    pair
}

/// Checks that the destination has the images of [`list`].
#[track_caller]
fn assert_arrived(pair: &Pair, count: u64) {
    for number in 0..count {
        let repository = format!("copies/app-{}", number / 3);
        pair.assert_arrived(&repository, &number.to_string(), &image(number));
    }
}

/// Prepares a worker.
fn worker(nats: &Nats, name: &str) -> Longshore {
    Longshore::new().args(["worker", "--fleet", &nats.url(), "--name", name])
}

/// Starts a worker, and waits until it looks for a run.
fn started(worker: Longshore) -> Running {
    let running = worker.start();
    running.line(|line| line.contains("waiting for a run").then_some(()));
    running
}

/// Starts a worker.
fn start_worker(nats: &Nats, name: &str) -> Running {
    started(worker(nats, name))
}

/// Ends a worker with SIGTERM.
#[track_caller]
fn end(worker: Running) -> Run {
    worker.signal("TERM");
    worker.finish().exits(0)
}

/// Checks that the server has nothing of a run any more.
#[track_caller]
fn assert_clean(nats: &Nats) {
    assert_eq!(nats.wire().streams(), ["KV_longshore"], "something of the run is left");
}
