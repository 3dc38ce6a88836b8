//! The results, as JSON and as tables.

mod fleet;
mod markdown;
pub(crate) mod plot;
mod remark;
mod target;

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::fleet::Fleets;
use crate::machine::Machine;
use crate::peer::Peer;
use crate::round::Round;
use crate::scale::Scale;
use crate::start::Start;
use crate::sweep::Sweep;
use crate::tools::version;
use crate::workbench::Workbench;

/// A peer that may take part.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Participant {
    /// The peer.
    pub(crate) peer: Peer,
    /// Its version. `None` if it is not installed or was not selected, and so did not run.
    pub(crate) version: Option<String>,
}

/// The results of a benchmark, with the machine and the options.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Seconds since 1970.
    pub(crate) time: u64,
    /// The command line.
    pub(crate) command: String,
    /// Whether the small corpora were used.
    pub(crate) quick: bool,
    /// Number of repetitions.
    pub(crate) repetitions: usize,
    /// Maximum number of cores that other processes may use in a valid run.
    pub(crate) busy: f64,
    /// The machine.
    pub(crate) machine: Machine,
    /// The version that the server reports.
    pub(crate) server: String,
    /// All participants, longshore first.
    pub(crate) participants: Vec<Participant>,
    /// The measurements without registries.
    pub(crate) start: Vec<Start>,
    /// The measurements with registries.
    pub(crate) rounds: Vec<Round>,
    /// The measurements of long lists.
    pub(crate) scale: Vec<Scale>,
    /// The measurements of `-j`.
    pub(crate) sweeps: Vec<Sweep>,
    /// The measurements of fleets.
    pub(crate) fleets: Option<Fleets>,
}

impl Report {
    /// Creates a report without measurements.
    pub(crate) fn new(bench: &Workbench<'_>) -> Self {
        let contestants = bench.contestants();
        let participants = std::iter::once(&Peer::Longshore).chain(Peer::ALL).map(|&peer| {
            let found = contestants.iter().find(|contestant| contestant.peer == peer);
            let version = found.map(|contestant| peer.version(&contestant.program));
            Participant { peer, version }
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            time: now.map_or(0, |time| time.as_secs()),
            command: command(),
            quick: bench.options.quick,
            repetitions: bench.options.repetitions(),
            busy: bench.options.busy,
            machine: Machine::this(&bench.storage()),
            server: version(&bench.server, &["--version"]),
            participants: participants.collect(),
            start: Vec::new(),
            rounds: Vec::new(),
            scale: Vec::new(),
            sweeps: Vec::new(),
            fleets: None,
        }
    }

    /// Prints the report and writes it to files.
    pub(crate) fn publish(&self, bench: &Workbench<'_>) -> Result<()> {
        let text = markdown::document(self);
        println!("\n{text}");
        let folder = bench.folder.join("results");
        fs::create_dir_all(&folder).context("failed to create the folder of results")?;
        let stem = folder.join(self.time.to_string());
        let json = serde_json::to_vec_pretty(self).context("failed to write JSON")?;
        fs::write(stem.with_extension("json"), json).context("failed to write the results")?;
        fs::write(stem.with_extension("md"), &text).context("failed to write the tables")?;
        println!("written to {}.json and .md", stem.display());
        if let Some(path) = &bench.options.write {
            fs::write(path, &text)
                .with_context(|| format!("failed to write {}", path.display()))?;
            let pictures = plot::draw(path)?;
            println!("written to {}, with {pictures} pictures", path.display());
        }
        Ok(())
    }
}

/// Returns the command line as a user would type it: without the arguments that xtask adds, and
/// without local folders.
fn command() -> String {
    let mut line = "cargo xtask bench".to_owned();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--folder" || word == "--binary" {
            words.next();
        } else if !word.starts_with("--folder=") && !word.starts_with("--binary=") {
            line.push(' ');
            line.push_str(&word);
        }
    }
    line
}
