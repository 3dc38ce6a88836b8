//! The options of `cargo xtask bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::proxy::Fault;

/// The corpora to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// 40 repositories × 2 platforms with shared layers, 1.45 GB
    Mixed,
    /// Small images: 500, or --tiny-images
    Tiny,
    /// 100,000 entries, twice: what a long list costs in memory
    Scale,
    /// All three
    All,
}

/// Whether the registries use TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// Plain HTTP only
    No,
    /// TLS only
    Only,
    /// Plain HTTP, then TLS
    Also,
}

/// The registry server for source and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    /// Debian's docker-registry, distribution 2.8
    DockerRegistry,
    /// distribution 3, with the program name `registry`
    Distribution,
}

/// Measure longshore and its peers between two registries on loopback.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 100)]
pub(crate) struct Options {
    /// Measure this longshore binary; `cargo xtask bench` builds the release first
    #[arg(long, value_name = "FILE", default_value = "target/release/longshore")]
    pub(crate) binary: PathBuf,
    /// Copy this corpus
    #[arg(long, value_enum, value_delimiter = ',', default_value = "all")]
    pub(crate) corpus: Vec<Choice>,
    /// Add this round-trip time to both registries, in milliseconds
    #[arg(long, value_name = "MS", value_delimiter = ',', default_value = "0,20")]
    pub(crate) rtt: Vec<u64>,
    /// Serve TLS with a temporary certificate authority
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "no",
        default_missing_value = "only"
    )]
    pub(crate) tls: Tls,
    /// Run this server at both ends
    #[arg(long, value_enum, default_value = "docker-registry")]
    pub(crate) registry: Server,
    /// Measure these peers too; `none` for longshore alone [default: all installed peers]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Peer::parse)]
    pub(crate) peers: Option<Vec<Option<Peer>>>,
    /// Set longshore's -j [default: longshore's default]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Measure longshore alone, cold, with each of these -j values
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) jobs_sweep: Option<Vec<usize>>,
    /// Measure fleets of these numbers of workers, each with a link of its own, and the coordinator of a long
    /// list; needs nats-server
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..=64),
        conflicts_with_all = [
            "rtt", "tls", "peers", "jobs_sweep", "busy", "drop_every", "throttle", "refuse_every"
        ]
    )]
    pub(crate) fleet: Option<Vec<u16>>,
    /// Limit the link of each worker of --fleet to this many bytes per second and direction
    #[arg(long, value_name = "BYTES", default_value_t = 40_000_000, requires = "fleet")]
    pub(crate) link: u64,
    /// Repeat each measurement this many times and report medians [default: 3, or 1 with --quick]
    #[arg(long, value_name = "N")]
    pub(crate) repetitions: Option<usize>,
    /// Use small corpora and one repetition: takes under three minutes
    #[arg(long)]
    pub(crate) quick: bool,
    /// Number of images in `tiny` [default: 500, or 12 with --quick]
    #[arg(long, value_name = "N")]
    pub(crate) tiny_images: Option<usize>,
    /// Discard a run if other processes used more than this many cores during it
    #[arg(long, value_name = "CORES", default_value_t = 0.25)]
    pub(crate) busy: f64,
    /// Reset every Nth connection to the registries after 256 KiB
    #[arg(long, value_name = "N")]
    pub(crate) drop_every: Option<u64>,
    /// Limit each connection to the registries to this many bytes per second and direction
    #[arg(long, value_name = "BYTES")]
    pub(crate) throttle: Option<u64>,
    /// Answer the first request of every Nth connection with 429 (plain HTTP only)
    #[arg(long, value_name = "N")]
    pub(crate) refuse_every: Option<u64>,
    /// Also write the report to this file, such as docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Measure nothing: draw the tables of this document, such as docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Store the destination's content here, such as in a memory file system
    #[arg(long, value_name = "FOLDER")]
    pub(crate) storage: Option<PathBuf>,
    /// Store corpora, results and installed peers here
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    pub(crate) folder: PathBuf,
}

impl Options {
    /// Returns the number of repetitions.
    pub(crate) fn repetitions(&self) -> usize {
        self.repetitions.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// Returns the sizes of the fleets to measure.
    pub(crate) fn fleets(&self) -> Option<Vec<usize>> {
        Some(self.fleet.as_ref()?.iter().copied().map(usize::from).collect())
    }

    /// Returns the number of images in `tiny`.
    pub(crate) fn tiny_images(&self) -> usize {
        self.tiny_images.unwrap_or(if self.quick { 12 } else { 500 }).max(1)
    }

    /// Reports whether this corpus was selected.
    pub(crate) fn chose(&self, choice: Choice) -> bool {
        self.corpus.iter().any(|chosen| *chosen == choice || *chosen == Choice::All)
    }

    /// Reports whether the long lists were selected.
    pub(crate) fn measures_scale(&self) -> bool {
        self.chose(Choice::Scale)
    }

    /// Reports whether a peer takes part.
    pub(crate) fn takes(&self, peer: Peer) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers.contains(&Some(peer)))
    }

    /// Returns the faults to inject, if any.
    pub(crate) fn fault(&self) -> Fault {
        Fault {
            drop_every: self.drop_every,
            throttle: self.throttle,
            refuse_every: self.refuse_every,
        }
    }

    /// Returns the distinct round-trip times.
    pub(crate) fn round_trips(&self) -> Vec<Duration> {
        let mut times = self.rtt.clone();
        times.dedup();
        times.into_iter().map(Duration::from_millis).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Choice, Options, Tls};
    use crate::peer::Peer;

    const REQUIRED: [&str; 5] = ["bench", "--binary", "b", "--folder", "f"];

    #[test]
    fn the_definition_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn all_corpora_are_measured_by_default() {
        let all = Options::parse_from(REQUIRED);
        assert!(all.chose(Choice::Mixed) && all.measures_scale() && all.takes(Peer::Crane));
        assert_eq!(all.tls, Tls::No);
        let some = ["--corpus", "tiny", "--peers", "none", "--tls", "--quick"];
        let some = Options::parse_from(REQUIRED.iter().chain(&some));
        assert!(some.chose(Choice::Tiny) && !some.chose(Choice::Mixed) && !some.takes(Peer::Crane));
        assert_eq!((some.tls, some.repetitions()), (Tls::Only, 1));
    }

    #[test]
    fn fleets_take_no_option_of_other_measurements() {
        let parse = |words: &[&str]| Options::try_parse_from(REQUIRED.iter().chain(words));
        assert_eq!(parse(&["--fleet", "1,2,4"]).unwrap().fleets(), Some(vec![1, 2, 4]));
        assert!(parse(&["--fleet=4", "--storage=s", "--corpus=mixed", "--repetitions=1"]).is_ok());
        for others in [["--rtt", "20"], ["--peers", "none"], ["--throttle", "1"], ["--busy", "1"]] {
            assert!(parse(&[&["--fleet=4"][..], &others].concat()).is_err(), "{others:?}");
        }
        assert!(parse(&["--fleet=0"]).is_err());
    }
}
