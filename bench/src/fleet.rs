//! Measures a fleet: workers that have a link of their own each, and the coordinator of a long list.

mod process;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::check;
use crate::corpus::Corpus;
use crate::measure::{Cost, Work, cost_of};
use crate::options::Choice;
use crate::peer::Peer;
use crate::proxy::{Hosts, Uplink};
use crate::registry::Registry;
use crate::scale;
use crate::start;
use crate::stub::{Images, Stub};
use crate::workbench::{Workbench, empty};
use process::{Nats, Worker, clean};

/// The time in which workers hear of each other.
const ACQUAINTED: Duration = Duration::from_millis(1500);

/// The names of the registries behind the links.
const NAMES: [&str; 2] = ["source.test", "destination.test"];

/// The figures of fleets.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fleets {
    /// The link of each worker, in bytes per second and direction.
    pub(crate) link: u64,
    /// The runs with links.
    pub(crate) runs: Vec<FleetRun>,
    /// A long list: its local plan, its local run, and its coordinator.
    pub(crate) long: Vec<LongList>,
}

/// The copy of a corpus by some workers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FleetRun {
    /// The corpus.
    pub(crate) corpus: String,
    /// Number of entries.
    pub(crate) entries: usize,
    /// Number of workers.
    pub(crate) workers: usize,
    /// Wall time of the coordinator in seconds, the median of all repetitions.
    pub(crate) wall: f64,
    /// CPU time of all workers together in seconds.
    pub(crate) cpu: f64,
    /// Peak memory of the largest worker in bytes.
    pub(crate) peak: u64,
    /// Bytes of blobs that the destination received.
    pub(crate) uploaded: u64,
    /// Bytes of blobs that the destination received more than once.
    pub(crate) duplicate: u64,
    /// The fewest and the most entries of one worker.
    pub(crate) shares: (u64, u64),
}

/// What a process needs for a long list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LongList {
    /// What was measured.
    pub(crate) what: String,
    /// Number of entries.
    pub(crate) entries: u64,
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// CPU time in seconds.
    pub(crate) cpu: f64,
    /// Peak memory in bytes.
    pub(crate) peak: u64,
}

/// Measures fleets of these sizes.
pub(crate) fn measure(bench: &Workbench<'_>, sizes: &[usize]) -> Result<Fleets> {
    let mut fleets = Fleets { link: bench.options.link, runs: Vec::new(), long: Vec::new() };
    for choice in [Choice::Mixed, Choice::Tiny] {
        if !bench.options.chose(choice) {
            continue;
        }
        let corpus = bench.corpus(choice)?;
        println!("\n== fleet, {}", corpus.name);
        let logs = bench.folder.join("work/source-logs");
        let source = Registry::start(&bench.server, &corpus.storage, &logs, None)?;
        for &workers in sizes {
            let mut runs: Vec<FleetRun> = (0..bench.options.repetitions())
                .map(|_| run(bench, &corpus, &source, workers))
                .collect::<Result<_>>()?;
            runs.sort_by(|one, other| one.wall.total_cmp(&other.wall));
            let median = runs.swap_remove((runs.len() - 1) / 2);
            fleets.runs.push(median);
        }
    }
    if bench.options.measures_scale() {
        let workers = sizes.iter().copied().max().unwrap_or(1);
        fleets.long = long_list(bench, workers)?;
    }
    Ok(fleets)
}

fn run(
    bench: &Workbench<'_>,
    corpus: &Corpus,
    source: &Registry,
    workers: usize,
) -> Result<FleetRun> {
    let storage = bench.storage();
    empty(&storage)?;
    let scratch = bench.scratch()?;
    let logs = bench.folder.join("work/destination-logs");
    let destination = Registry::start(&bench.server, &storage, &logs, None)?;
    let mut hosts = Hosts::new();
    for (name, registry) in NAMES.into_iter().zip([source, &destination]) {
        hosts.insert(
            name.to_owned(),
            registry.address().parse().context("failed to read an address")?,
        );
    }
    let nats = Nats::start(bench)?;
    let fleet = fleet(bench, &nats, workers, Some(&hosts))?;
    fs::write(scratch.join("images.txt"), corpus.list()).context("failed to write a list")?;
    let link = Uplink::start(bench.runtime.handle(), hosts, bench.options.link)?;
    let mut command = coordinator(bench, &nats);
    clean(&mut command, &scratch, Some(&link));
    // Names that are not on loopback need the flag for plain HTTP.
    command.args(["-s", NAMES[0], "-d", NAMES[1], "--tls-verify=false", "--output=json"]);
    let before = destination.mark();
    let cost = cost_of(Work::one(command), &scratch.join("output.log"))?;
    let tally = destination.tally(before, destination.mark());
    let report = serde_json::from_str(&report(&scratch)?).context("the report is not JSON")?;
    let shares = shares(&report, corpus.entries.len())?;
    let sizes = tally.uploads.iter();
    let sizes: Vec<(u64, u64)> = sizes
        .map(|(digest, times)| (corpus.blobs.get(digest).copied().unwrap_or(0), *times))
        .collect();
    let (mut cpu, mut peak) = (Duration::ZERO, 0);
    for worker in fleet {
        let (used, most) = worker.end()?;
        (cpu, peak) = (cpu + used, peak.max(most));
    }
    check(bench, corpus, Peer::Longshore)?;
    let run = FleetRun {
        corpus: corpus.name.clone(),
        entries: corpus.entries.len(),
        workers,
        wall: cost.wall.as_secs_f64(),
        cpu: cpu.as_secs_f64(),
        peak,
        uploaded: sizes.iter().map(|(size, times)| size * times).sum(),
        duplicate: sizes.iter().map(|(size, times)| size * (times - 1)).sum(),
        shares,
    };
    println!("{workers} workers: {:.2} s, {} bytes sent twice", run.wall, run.duplicate);
    Ok(run)
}

fn fleet(
    bench: &Workbench<'_>,
    nats: &Nats,
    workers: usize,
    hosts: Option<&Hosts>,
) -> Result<Vec<Worker>> {
    let start = |number| {
        let link = hosts.map(|hosts| (hosts.clone(), bench.options.link));
        Worker::start(bench, nats, &format!("worker-{number}"), link)
    };
    let workers = (1..=workers).map(start).collect::<Result<_>>()?;
    sleep(ACQUAINTED);
    Ok(workers)
}

/// Returns a coordinator whose report goes to the file `report`, and its log to the log.
fn coordinator(bench: &Workbench<'_>, nats: &Nats) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec \"$@\" > report", "sh"]).arg(bench.longshore().program);
    command.args(["mirror", "-f", "images.txt", "-a", "all", "--os", "all"]);
    command.args(["--fleet", nats.url()]);
    command
}

fn report(scratch: &Path) -> Result<String> {
    fs::read_to_string(scratch.join("report")).context("failed to read a report")
}

/// Checks that each entry has one outcome, and returns the fewest and the most entries of one worker.
fn shares(report: &Value, entries: usize) -> Result<(u64, u64)> {
    let copied = report["entries"].as_array().into_iter().flatten();
    let copied = copied.filter(|entry| entry["status"] == "copied").count();
    let workers = report["workers"].as_array().into_iter().flatten();
    let jobs: Vec<u64> = workers.filter_map(|worker| worker["jobs"].as_u64()).collect();
    let sum: u64 = jobs.iter().sum();
    ensure!(
        copied == entries && sum == entries as u64,
        "{copied} of {entries} entries were copied, and the workers did {sum}"
    );
    let most = jobs.iter().max().copied().unwrap_or(0);
    Ok((jobs.into_iter().min().unwrap_or(0), most))
}

/// Measures the coordinator of a long list beside a process that does everything.
fn long_list(bench: &Workbench<'_>, workers: usize) -> Result<Vec<LongList>> {
    println!("\n== fleet, a long list");
    let entries = scale::entries(bench);
    let figures = |what: &str, cost: &Cost| LongList {
        what: what.to_owned(),
        entries,
        wall: cost.wall.as_secs_f64(),
        cpu: cost.cpu.as_secs_f64(),
        peak: cost.peak,
    };
    let plan = start::plan_of(bench, usize::try_from(entries)?)?;
    let mut lists = vec![figures("a local plan", &plan)];
    for nats in [None, Some(Nats::start(bench)?)] {
        let runtime = bench.runtime.handle();
        let source = Stub::start(runtime, Some(Images::new(scale::FEW)))?;
        let destination = Stub::start(runtime, None)?;
        let scratch = bench.scratch()?;
        scale::write_list(&scratch, entries)?;
        let mut fleet_of_run = Vec::new();
        let mut command = match &nats {
            Some(nats) => {
                fleet_of_run = fleet(bench, nats, workers, None)?;
                coordinator(bench, nats)
            }
            None => scale::local(bench),
        };
        clean(&mut command, &scratch, None);
        command.args(["-s", source.address(), "-d", destination.address()]);
        let cost = cost_of(Work::one(command), &scratch.join("output.log"))?;
        let (tags, wrong) = destination.tags(&Images::new(scale::FEW));
        ensure!(
            tags as u64 == entries && wrong == 0,
            "{tags} of {entries} tags arrived, {wrong} of them wrong"
        );
        let what = match &nats {
            Some(_) => {
                let report = report(&scratch)?;
                ensure!(
                    report.contains(&format!("{entries} copied, 0 skipped, 0 failed")),
                    "not each entry was copied once: {report}"
                );
                format!("the coordinator of {workers} workers")
            }
            None => "a local run".to_owned(),
        };
        println!(
            "{what}: {:.1} s, {:.1} s of CPU",
            cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64()
        );
        lists.push(figures(&what, &cost));
        for worker in fleet_of_run {
            worker.end()?;
        }
    }
    Ok(lists)
}
