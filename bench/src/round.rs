//! Measures one setting with all participants in turn.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::link::Link;
use crate::peer::Peer;
use crate::run::{Figures, Runs, run};
use crate::workbench::{Contestant, Setting, Workbench};

/// The results of a setting.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Round {
    /// The corpus.
    pub(crate) corpus: String,
    /// Number of entries.
    pub(crate) entries: usize,
    /// Number of distinct blobs.
    pub(crate) blobs: usize,
    /// Size of the distinct blobs in bytes.
    pub(crate) bytes: u64,
    /// Additional round-trip time in milliseconds.
    pub(crate) round_trip: u64,
    /// Whether TLS was used.
    pub(crate) tls: bool,
    /// All runs of each participant.
    pub(crate) runs: BTreeMap<Peer, Vec<Runs>>,
    /// Peers that failed, with the reason.
    pub(crate) failures: BTreeMap<Peer, String>,
}

/// Selects a run of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The run into an empty registry.
    Cold,
    /// The run with everything already at the destination.
    Warm,
}

impl Round {
    /// Returns the title of the setting.
    pub(crate) fn title(&self) -> String {
        let way = match self.round_trip {
            0 => "local".to_owned(),
            milliseconds => format!("{milliseconds} ms round trip"),
        };
        format!("{}, {way}, {}", self.corpus, if self.tls { "TLS" } else { "plain HTTP" })
    }

    /// Returns the run with the median wall time, so that its figures belong together.
    pub(crate) fn median(&self, peer: Peer, phase: Phase) -> Option<&Figures> {
        let mut figures: Vec<&Figures> = self
            .runs
            .get(&peer)?
            .iter()
            .map(|runs| match phase {
                Phase::Cold => &runs.cold,
                Phase::Warm => &runs.warm,
            })
            .collect();
        figures.sort_by(|one, other| one.wall.total_cmp(&other.wall));
        figures.get(figures.len().saturating_sub(1) / 2).copied()
    }

    /// Returns the ratio of a peer's time to longshore's time.
    pub(crate) fn ratio(&self, peer: Peer, phase: Phase) -> Option<f64> {
        let ours = self.median(Peer::Longshore, phase)?;
        Some(self.median(peer, phase)?.wall / ours.wall)
    }
}

/// Measures all participants. Each repetition starts with another one.
pub(crate) fn measure(bench: &Workbench<'_>, setting: &Setting) -> Result<Round> {
    let contestants = bench.contestants();
    measure_some(bench, setting, &contestants)
}

/// Measures like [`measure`], but only these participants.
pub(crate) fn measure_some(
    bench: &Workbench<'_>,
    setting: &Setting,
    contestants: &[Contestant],
) -> Result<Round> {
    let corpus = bench.corpus(setting.choice)?;
    let mut round = Round {
        corpus: corpus.name.clone(),
        entries: corpus.entries.len(),
        blobs: corpus.blobs.len(),
        bytes: corpus.bytes(),
        round_trip: u64::try_from(setting.round_trip.as_millis()).unwrap_or(u64::MAX),
        tls: setting.tls,
        runs: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    println!("\n== {}", round.title());
    let source = Link::open(bench, setting, &corpus.storage, "source-logs")?;
    for repetition in 0..bench.options.repetitions() {
        for turn in 0..contestants.len() {
            let contestant = &contestants[(turn + repetition) % contestants.len()];
            let peer = contestant.peer;
            if round.failures.contains_key(&peer) {
                continue;
            }
            match run(bench, setting, &corpus, &source, contestant) {
                Ok(runs) => {
                    say(peer, &runs);
                    round.runs.entry(peer).or_default().push(runs);
                }
                Err(error) if peer == Peer::Longshore => return Err(error),
                Err(error) => {
                    println!("{error:#}");
                    round.runs.remove(&peer);
                    round.failures.insert(peer, format!("{error:#}"));
                }
            }
        }
    }
    Ok(round)
}

fn say(peer: Peer, runs: &Runs) {
    println!(
        "{}: cold {:.2} s, {} requests; warm {:.2} s, {} requests",
        peer.title().trim_matches('*'),
        runs.cold.wall,
        runs.cold.requests.total(),
        runs.warm.wall,
        runs.warm.requests.total(),
    );
}
