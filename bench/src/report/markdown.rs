//! Formats the report as Markdown tables.

use std::collections::BTreeSet;

use super::remark::remarks;
use super::{Report, target};
use crate::access_log::Kind;
use crate::peer::Peer;
use crate::round::{Phase, Round};
use crate::run::Figures;

/// Returns the report, to be printed or stored under `docs/`.
pub(super) fn document(report: &Report) -> String {
    let mut lines = vec!["# Benchmarks".to_owned(), String::new()];
    lines.push("Made by this command; `bench/README.md` says what is measured and how:".to_owned());
    lines.extend(["", "```sh"].map(str::to_owned));
    lines.push(report.command.clone());
    lines.extend(["```", ""].map(str::to_owned));
    lines.extend(origin(report));
    let remarks = remarks(report);
    if !remarks.is_empty() {
        lines.extend(["", "## Remarks", ""].map(str::to_owned));
        lines.extend(remarks.into_iter().map(|remark| format!("- {remark}")));
    }
    for round in &report.rounds {
        lines.extend([String::new(), format!("## {}", round.title()), String::new()]);
        lines.push(format!(
            "{} entries, {} distinct blobs, {}. Ratios are wall times divided by longshore's.",
            round.entries,
            round.blobs,
            megabytes(round.bytes)
        ));
        lines.push(String::new());
        lines.extend(costs(report, round));
        lines.push(String::new());
        lines.extend(requests(round));
    }
    lines.extend(scale(report));
    lines.extend(start(report));
    lines.extend(sweeps(report));
    lines.extend(report.fleets.iter().flat_map(super::fleet::tables));
    lines.push(String::new());
    lines.join("\n")
}

fn origin(report: &Report) -> Vec<String> {
    let machine = &report.machine;
    let mut lines = vec![
        "| | |\n|---|---|".to_owned(),
        format!(
            "| machine | {} × {}, {} GiB, {}, Linux {} |",
            machine.processors,
            machine.processor,
            machine.memory >> 30,
            machine.system,
            machine.kernel
        ),
        format!("| both registries | {}, storage on {} |", report.server, machine.storage),
        format!(
            "| repetitions | {}; the figures are those of the median wall time |",
            report.repetitions
        ),
    ];
    let mut seen = BTreeSet::new();
    for participant in &report.participants {
        let program = participant.peer.program();
        if seen.insert(program) {
            // Some programs take part with several settings.
            let mut ways = report.participants.iter().filter(|way| way.peer.program() == program);
            let version = ways.find_map(|way| way.version.as_deref()).unwrap_or("not run");
            lines.push(format!("| {program} | {} |", version.trim_start_matches(program).trim()));
        }
    }
    lines
}

fn costs(report: &Report, round: &Round) -> Vec<String> {
    let mut lines = vec![
        "| | cold: wall | ratio | target | CPU | peak | requests | up | twice | connections | \
         warm: wall | ratio | requests |"
            .to_owned(),
        format!("|---|{}", "---|".repeat(12)),
    ];
    for participant in &report.participants {
        let peer = participant.peer;
        let figures = (round.median(peer, Phase::Cold), round.median(peer, Phase::Warm));
        let (Some(cold), Some(warm)) = figures else {
            let why = if round.failures.contains_key(&peer) { "failed" } else { "not run" };
            lines.push(format!("| {} | {why} |{}", peer.title(), " |".repeat(11)));
            continue;
        };
        let ratio =
            |phase| round.ratio(peer, phase).map_or_else(String::new, |it| format!("{it:.2}×"));
        let target = target::ratio(round, peer).filter(|_| !report.quick);
        let cells = [
            peer.title().to_owned(),
            seconds(cold),
            ratio(Phase::Cold),
            target.map_or_else(String::new, |target| format!("{target}×")),
            format!("{:.2} s", cold.cpu),
            mebibytes(cold.peak),
            cold.requests.total().to_string(),
            megabytes(cold.uploaded),
            megabytes(cold.duplicate),
            cold.connections.to_string(),
            seconds(warm),
            ratio(Phase::Warm),
            warm.requests.total().to_string(),
        ];
        lines.push(row(&cells));
    }
    lines
}

/// Returns the requests of the cold run by kind, for both registries.
fn requests(round: &Round) -> Vec<String> {
    let cold = |peer: &Peer| round.median(*peer, Phase::Cold);
    let used = round.runs.keys().filter_map(cold).flat_map(|figures| {
        figures.requests.source.keys().chain(figures.requests.destination.keys())
    });
    let kinds: BTreeSet<Kind> = used.copied().collect();
    let headings: Vec<String> = std::iter::once("cold requests")
        .chain(kinds.iter().map(|kind| kind.heading()))
        .map(str::to_owned)
        .collect();
    let mut lines = vec![row(&headings), format!("|{}", "---|".repeat(headings.len()))];
    for peer in round.runs.keys() {
        let Some(figures) = cold(peer) else {
            continue;
        };
        let mut cells = vec![peer.title().to_owned()];
        for kind in &kinds {
            let count = figures.requests.of(*kind);
            cells.push(if *kind == Kind::Mount && count > 0 {
                format!("{count} ({} granted)", figures.mounted)
            } else {
                count.to_string()
            });
        }
        lines.push(row(&cells));
    }
    lines
}

fn scale(report: &Report) -> Vec<String> {
    if report.scale.is_empty() {
        return Vec::new();
    }
    let mut lines = ["", "## scale, between stubs", ""].map(str::to_owned).to_vec();
    lines.push(
        "| entries | images | wall | CPU | peak, reading the list | peak, copying | allowed | \
         requests |\n|---|---|---|---|---|---|---|---|"
            .to_owned(),
    );
    for scale in &report.scale {
        lines.push(row(&[
            scale.entries.to_string(),
            scale.images.to_string(),
            format!("{:.1} s", scale.wall),
            format!("{:.1} s", scale.cpu),
            mebibytes(scale.listing),
            mebibytes(scale.copying),
            mebibytes(scale.allowed()),
            scale.requests.to_string(),
        ]));
    }
    lines
}

fn start(report: &Report) -> Vec<String> {
    if report.start.is_empty() {
        return Vec::new();
    }
    let mut lines = ["", "## The program itself", ""].map(str::to_owned).to_vec();
    lines.push("| what | wall | CPU | peak |\n|---|---|---|---|".to_owned());
    for start in &report.start {
        lines.push(row(&[
            start.what.clone(),
            format!("{:.1} ms", start.wall * 1000.0),
            format!("{:.0} ms", start.cpu * 1000.0),
            mebibytes(start.peak),
        ]));
    }
    lines
}

fn sweeps(report: &Report) -> Vec<String> {
    if report.sweeps.is_empty() {
        return Vec::new();
    }
    let mut lines = ["", "## longshore by -j, cold", ""].map(str::to_owned).to_vec();
    let jobs: BTreeSet<usize> =
        report.sweeps.iter().flat_map(|sweep| sweep.jobs.keys().copied()).collect();
    let mut headings = vec![String::new()];
    headings.extend(jobs.iter().map(|jobs| format!("-j {jobs}")));
    headings.push("best".to_owned());
    lines.push(row(&headings));
    lines.push(format!("|{}", "---|".repeat(headings.len())));
    for sweep in &report.sweeps {
        let mut cells = vec![sweep.title.clone()];
        cells.extend(jobs.iter().map(|jobs| {
            let found = sweep.jobs.get(jobs);
            found.map_or_else(String::new, |(wall, peak)| {
                format!("{wall:.2} s, {}", mebibytes(*peak))
            })
        }));
        cells.push(sweep.best().map_or_else(String::new, |jobs| jobs.to_string()));
        lines.push(row(&cells));
    }
    lines
}

pub(super) fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn seconds(figures: &Figures) -> String {
    format!("{:.2} s{}", figures.wall, if figures.disturbed { "*" } else { "" })
}

pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

pub(super) fn mebibytes(bytes: u64) -> String {
    if bytes == 0 {
        // The process ended before the first sample.
        return "–".to_owned();
    }
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
