//! One measured run, cold or warm.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::access_log::Kind;
use crate::check::check;
use crate::corpus::Corpus;
use crate::link::{Link, Traffic};
use crate::load::{Load, average};
use crate::measure::{Cost, cost_of};
use crate::peer::Job;
use crate::workbench::{Contestant, Setting, Workbench, empty};

/// Maximum number of attempts for a run that other processes disturbed; one with `--quick`.
const TRIES: usize = 3;

/// The requests to both registries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Requests {
    /// The requests to the source.
    pub(crate) source: BTreeMap<Kind, u64>,
    /// The requests to the destination.
    pub(crate) destination: BTreeMap<Kind, u64>,
}

impl Requests {
    /// Returns the number of all requests.
    pub(crate) fn total(&self) -> u64 {
        self.source.values().chain(self.destination.values()).sum()
    }

    /// Returns the number of requests of one kind to both registries.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        let at = |side: &BTreeMap<Kind, u64>| side.get(&kind).copied().unwrap_or(0);
        at(&self.source) + at(&self.destination)
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// User and system time of the client's processes, in seconds.
    pub(crate) cpu: f64,
    /// Peak memory of all client processes together, in bytes.
    pub(crate) peak: u64,
    /// The requests to the registries.
    pub(crate) requests: Requests,
    /// Bytes of blobs that the source sent.
    pub(crate) downloaded: u64,
    /// Bytes of blobs that the destination received.
    pub(crate) uploaded: u64,
    /// Bytes of blobs that the destination received more than once in this run.
    pub(crate) duplicate: u64,
    /// Number of mounts that the destination granted.
    pub(crate) mounted: u64,
    /// Number of TCP connections to both registries.
    pub(crate) connections: u64,
    /// Cores that other processes used during the run.
    pub(crate) others: f64,
    /// The load average of one minute at the end.
    pub(crate) load: String,
    /// Whether all attempts were disturbed. These are the figures of the least disturbed one.
    pub(crate) disturbed: bool,
}

/// A run into an empty destination, and another one right after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Runs {
    /// The run into an empty registry.
    pub(crate) cold: Figures,
    /// The run with everything already at the destination.
    pub(crate) warm: Figures,
}

/// Runs a contestant cold and warm and checks the copy. Repeats runs that other processes
/// disturbed.
pub(crate) fn run(
    bench: &Workbench<'_>,
    setting: &Setting,
    corpus: &Corpus,
    source: &Link,
    contestant: &Contestant,
) -> Result<Runs> {
    let mut best: Option<Runs> = None;
    let tries = if bench.options.quick { 1 } else { TRIES };
    for _ in 0..tries {
        let mut runs = attempt(bench, setting, corpus, source, contestant)?;
        let others = |runs: &Runs| runs.cold.others.max(runs.warm.others);
        if others(&runs) <= bench.options.busy {
            return Ok(runs);
        }
        println!("  disturbed: other processes used {:.2} cores", others(&runs));
        (runs.cold.disturbed, runs.warm.disturbed) = (true, true);
        if best.as_ref().is_none_or(|best| others(&runs) < others(best)) {
            best = Some(runs);
        }
    }
    best.context("no run was measured")
}

fn attempt(
    bench: &Workbench<'_>,
    setting: &Setting,
    corpus: &Corpus,
    source: &Link,
    contestant: &Contestant,
) -> Result<Runs> {
    let storage = bench.storage();
    empty(&storage)?;
    let scratch = bench.scratch()?;
    if !bench.options.quick {
        // Flushes the writes of the last run, so that they do not disturb the next one.
        Command::new("sync").status().context("failed to run sync")?;
    }
    let destination = Link::open(bench, setting, &storage, "destination-logs")?;
    let job = Job {
        source: &source.address(),
        destination: &destination.address(),
        corpus,
        scratch: &scratch,
        authority: setting.tls.then_some(bench.certificate.authority.as_path()),
        jobs: contestant.jobs,
    };
    let measured = |phase: &str| {
        measured(&job, contestant, source, &destination, &scratch)
            .with_context(|| format!("{}, {phase}", contestant.peer.title()))
    };
    let cold = measured("cold")?;
    check(bench, corpus, contestant.peer)
        .with_context(|| format!("{}, cold", contestant.peer.title()))?;
    let warm = measured("warm")?;
    Ok(Runs { cold, warm })
}

fn measured(
    job: &Job<'_>,
    contestant: &Contestant,
    source: &Link,
    destination: &Link,
    scratch: &Path,
) -> Result<Figures> {
    let work = contestant.peer.work(&contestant.program, job)?;
    let before = (source.moment(), destination.moment());
    let servers = [source.id(), destination.id()];
    let load = Load::watch(&servers);
    let cost = cost_of(work, &scratch.join("output.log"))?;
    let others = load.others();
    let after = (source.moment(), destination.moment());
    let traffic = (source.traffic(before.0, after.0), destination.traffic(before.1, after.1));
    Ok(figures(job.corpus, &cost, traffic, others))
}

fn figures(
    corpus: &Corpus,
    cost: &Cost,
    (source, destination): (Traffic, Traffic),
    others: f64,
) -> Figures {
    let sizes = destination.tally.uploads.iter();
    let sizes: Vec<(u64, u64)> = sizes
        .map(|(digest, times)| (corpus.blobs.get(digest).copied().unwrap_or(0), *times))
        .collect();
    Figures {
        wall: cost.wall.as_secs_f64(),
        cpu: cost.cpu.as_secs_f64(),
        peak: cost.peak,
        downloaded: source.tally.blob_bytes,
        uploaded: sizes.iter().map(|(size, times)| size * times).sum(),
        duplicate: sizes.iter().map(|(size, times)| size * (times - 1)).sum(),
        mounted: destination.tally.mounted,
        connections: source.connections + destination.connections,
        requests: Requests {
            source: source.tally.requests,
            destination: destination.tally.requests,
        },
        others,
        load: average(),
        disturbed: false,
    }
}
