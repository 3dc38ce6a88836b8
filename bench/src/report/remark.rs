//! Remarks that the report shows beside the figures.

use super::markdown::mebibytes;
use super::{Report, target};
use crate::peer::Peer;
use crate::round::Phase;

/// A peer below this ratio is faster than longshore. A smaller difference is noise.
const NOISE: f64 = 0.97;

/// Returns the remarks as list items.
pub(super) fn remarks(report: &Report) -> Vec<String> {
    let mut remarks = Vec::new();
    let absent: Vec<&str> = report
        .participants
        .iter()
        .filter(|participant| participant.version.is_none())
        .map(|participant| participant.peer.title())
        .collect();
    if !absent.is_empty() {
        remarks.push(format!("Not run: {}. No ratio to them is claimed.", absent.join("; ")));
    }
    if report.quick {
        remarks.push(
            "These are the small corpora of `--quick`: good for comparing two builds, and nothing \
             to quote. The targets are for the full ones."
                .to_owned(),
        );
    }
    if report.repetitions == 1 {
        remarks.push("Each was measured once: a difference of a tenth means nothing.".to_owned());
    }
    for round in &report.rounds {
        remarks.extend(round.failures.values().map(|why| {
            let first = why.lines().next().unwrap_or_default();
            format!("Failed: {}, {first}", round.title())
        }));
    }
    remarks.extend(lost(report));
    if !report.quick {
        remarks.extend(
            report
                .rounds
                .iter()
                .flat_map(target::missed)
                .map(|line| format!("Target missed: {line}.")),
        );
    }
    for scale in report.scale.iter().filter(|scale| scale.copying > scale.allowed()) {
        remarks.push(format!(
            "Target missed: {} entries over {} images: {}, and {} are the target.",
            scale.entries,
            scale.images,
            mebibytes(scale.copying),
            mebibytes(scale.allowed())
        ));
    }
    if !report.quick {
        let missed = report.fleets.iter().flat_map(super::fleet::missed);
        remarks.extend(missed.map(|line| format!("Target missed: {line}.")));
    }
    remarks.extend(disturbed(report));
    remarks
}

/// Returns the measurements in which a peer was faster than longshore.
fn lost(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for round in &report.rounds {
        for &peer in Peer::ALL {
            for (phase, name) in [(Phase::Cold, "cold"), (Phase::Warm, "warm")] {
                if let Some(ratio) = round.ratio(peer, phase)
                    && ratio < NOISE
                {
                    let title = round.title();
                    lines.push(format!(
                        "Not won: {title}, {name}: {} took {ratio:.2} of longshore's time.",
                        peer.title()
                    ));
                }
            }
        }
    }
    lines
}

fn disturbed(report: &Report) -> Option<String> {
    let runs = report.rounds.iter().flat_map(|round| round.runs.values().flatten());
    let (mut all, mut disturbed) = (0, 0);
    for runs in runs {
        all += 1;
        disturbed += usize::from(runs.cold.disturbed);
    }
    (disturbed > 0).then(|| {
        format!(
            "In {disturbed} of {all} runs, marked with *, other processes used more than {} cores \
             in every try: don't trust them.",
            report.busy
        )
    })
}
