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

/// How often a run is repeated that others disturbed; not at all with `--quick`.
const TRIES: usize = 3;

/// Requests to the registries at both ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Requests {
    /// At the source.
    pub(crate) source: BTreeMap<Kind, u64>,
    /// At the destination.
    pub(crate) destination: BTreeMap<Kind, u64>,
}

impl Requests {
    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.source.values().chain(self.destination.values()).sum()
    }

    /// Of one kind, at both ends.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        let at = |side: &BTreeMap<Kind, u64>| side.get(&kind).copied().unwrap_or(0);
        at(&self.source) + at(&self.destination)
    }
}

/// The figures of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Seconds from start to end.
    pub(crate) wall: f64,
    /// Seconds of user and system time of the client's processes.
    pub(crate) cpu: f64,
    /// The most bytes that they had in memory together.
    pub(crate) peak: u64,
    /// What was asked of the registries.
    pub(crate) requests: Requests,
    /// Bytes of blobs that the source sent.
    pub(crate) downloaded: u64,
    /// Bytes of blobs that the destination took.
    pub(crate) uploaded: u64,
    /// Bytes of blobs that the destination had got in this run already.
    pub(crate) duplicate: u64,
    /// Mounts that the destination granted.
    pub(crate) mounted: u64,
    /// TCP connections to both registries.
    pub(crate) connections: u64,
    /// Cores that other processes used meanwhile.
    pub(crate) others: f64,
    /// The kernel's load average of one minute, at the end.
    pub(crate) load: String,
    /// Every try was disturbed, and this is the one that was least.
    pub(crate) disturbed: bool,
}

/// A run from an empty destination, and one more right after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Runs {
    /// Into an empty registry.
    pub(crate) cold: Figures,
    /// Where everything is there already.
    pub(crate) warm: Figures,
}

/// Runs a contestant cold and warm and checks the copy, again where others disturbed it.
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
    best.context("there was no try")
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
        // What the last run left is written before the next one begins, and not beside it.
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
