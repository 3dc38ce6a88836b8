//! The tables of fleets, and their targets.

use super::markdown::{mebibytes, megabytes, row};
use crate::fleet::{FleetRun, Fleets, LongList};

/// The most time that four workers may need over `mixed`, as a part of the time of one.
const FOUR: f64 = 0.3;

/// The most CPU and memory of a coordinator, as multiples of a local plan's.
const COORDINATOR: f64 = 2.0;

/// Returns the tables.
pub(super) fn tables(fleets: &Fleets) -> Vec<String> {
    let mut lines = Vec::new();
    let mut corpora: Vec<&str> = fleets.runs.iter().map(|run| run.corpus.as_str()).collect();
    corpora.dedup();
    for corpus in corpora {
        let link = megabytes(fleets.link);
        lines.extend([
            String::new(),
            format!("## fleet, {corpus}, each worker with a link of {link}/s"),
        ]);
        lines.push(String::new());
        lines.push(
            "| workers | wall | ratio | target | CPU of all workers | peak of a worker | up | twice | \
             entries of a worker |\n|---|---|---|---|---|---|---|---|---|"
                .to_owned(),
        );
        for run in fleets.runs.iter().filter(|run| run.corpus == corpus) {
            lines.push(row(&cells(fleets, run)));
        }
    }
    if let Some(plan) = fleets.long.first() {
        lines.extend([String::new(), format!("## fleet, {} entries, between stubs", plan.entries)]);
        lines.extend([
            String::new(),
            "| | wall | CPU | of a plan | peak | of a plan |\n|---|---|---|---|---|---|".to_owned(),
        ]);
        lines.extend(fleets.long.iter().map(|list| {
            let (cpu, peak) = ratios(plan, list);
            row(&[
                list.what.clone(),
                format!("{:.1} s", list.wall),
                format!("{:.2} s", list.cpu),
                format!("{cpu:.1}×"),
                mebibytes(list.peak),
                format!("{peak:.1}×"),
            ])
        }));
    }
    lines
}

fn cells(fleets: &Fleets, run: &FleetRun) -> [String; 9] {
    let (fewest, most) = run.shares;
    [
        run.workers.to_string(),
        format!("{:.2} s", run.wall),
        ratio(fleets, run).map_or_else(String::new, |ratio| format!("{ratio:.2}×")),
        if has_target(run) { format!("{FOUR}×") } else { String::new() },
        format!("{:.2} s", run.cpu),
        mebibytes(run.peak),
        megabytes(run.uploaded),
        megabytes(run.duplicate),
        format!("{fewest} to {most}"),
    ]
}

/// Returns the time as a part of the time of one worker.
fn ratio(fleets: &Fleets, run: &FleetRun) -> Option<f64> {
    let is_one = |one: &&FleetRun| one.workers == 1 && one.corpus == run.corpus;
    Some(run.wall / fleets.runs.iter().find(is_one)?.wall)
}

fn has_target(run: &FleetRun) -> bool {
    run.workers == 4 && run.corpus == "mixed"
}

/// Returns CPU time and memory as multiples of a plan's.
fn ratios(plan: &LongList, list: &LongList) -> (f64, f64) {
    (list.cpu / plan.cpu.max(0.01), list.peak as f64 / plan.peak.max(1) as f64)
}

/// Returns all missed targets as text.
pub(super) fn missed(fleets: &Fleets) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &fleets.runs {
        let title = format!("{} workers over {}", run.workers, run.corpus);
        if let Some(ratio) = ratio(fleets, run)
            && has_target(run)
            && ratio > FOUR
        {
            lines.push(format!("{title}: {ratio:.2}× the time of one, and {FOUR}× is the target"));
        }
        // Blobs below 128 KiB are not claimed.
        if run.duplicate > 0 && run.corpus == "mixed" {
            lines.push(format!("{title}: {} bytes were sent twice", run.duplicate));
        }
    }
    if let [plan, .., coordinator] = fleets.long.as_slice() {
        let (cpu, peak) = ratios(plan, coordinator);
        for (what, ratio) in [("CPU", cpu), ("memory", peak)] {
            if ratio > COORDINATOR {
                lines.push(format!(
                    "{}: {ratio:.1}× the {what} of a local plan, and {COORDINATOR}× is the target",
                    coordinator.what
                ));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{missed, tables};
    use crate::fleet::{FleetRun, Fleets, LongList};

    fn run(workers: usize, wall: f64) -> FleetRun {
        FleetRun {
            corpus: "mixed".to_owned(),
            entries: 40,
            workers,
            wall,
            cpu: 4.0,
            peak: 30 << 20,
            uploaded: 1_447_800_000,
            duplicate: 0,
            shares: (9, 11),
        }
    }

    fn list(what: &str, cpu: f64, peak: u64) -> LongList {
        LongList { what: what.to_owned(), entries: 100_000, wall: cpu, cpu, peak }
    }

    #[test]
    fn missed_targets_are_told() {
        let long = vec![list("a plan", 0.5, 100), list("a run", 9.0, 100), list("it", 0.9, 150)];
        let mut fleets = Fleets { link: 40_000_000, runs: vec![run(1, 40.0), run(4, 11.0)], long };
        assert_eq!(missed(&fleets), [""; 0]);
        fleets.runs[1].wall = 13.0;
        fleets.runs[1].duplicate = 5;
        fleets.long[2] = list("it", 1.5, 300);
        let told = missed(&fleets).join("\n");
        for part in ["0.33× the time", "5 bytes were sent twice", "3.0× the CPU", "3.0× the memory"]
        {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        let shown = tables(&fleets).join("\n");
        assert!(shown.contains("| 4 | 13.00 s | 0.33× | 0.3× | 4.00 s | 30.0 MiB |"), "{shown}");
        assert!(shown.contains("| it | 1.5 s | 1.50 s | 3.0× |"), "{shown}");
    }
}
