//! What `cargo xtask bench` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::peer::Peer;
use crate::proxy::Fault;

/// What is copied.
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

/// Whether the registries speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tls {
    /// Plain HTTP only
    No,
    /// TLS only
    Only,
    /// One after the other
    Also,
}

/// The server at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Server {
    /// Debian's docker-registry, distribution 2.8
    DockerRegistry,
    /// distribution 3, whose program is called `registry`
    Distribution,
}

/// Measure longshore and its peers between two registries on loopback.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", max_term_width = 100)]
pub(crate) struct Options {
    /// The longshore to measure; `cargo xtask bench` builds the release first
    #[arg(long, value_name = "FILE", default_value = "target/release/longshore")]
    pub(crate) binary: PathBuf,
    /// What is copied
    #[arg(long, value_enum, value_delimiter = ',', default_value = "all")]
    pub(crate) corpus: Vec<Choice>,
    /// Round trips to both registries, in milliseconds
    #[arg(long, value_name = "MS", value_delimiter = ',', default_value = "0,20")]
    pub(crate) rtt: Vec<u64>,
    /// Put TLS with a throw-away authority before the registries
    #[arg(
        long,
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_value = "no",
        default_missing_value = "only"
    )]
    pub(crate) tls: Tls,
    /// The server at both ends
    #[arg(long, value_enum, default_value = "docker-registry")]
    pub(crate) registry: Server,
    /// Who runs beside longshore; `none` for nobody [default: everybody who is installed]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Peer::parse)]
    pub(crate) peers: Option<Vec<Option<Peer>>>,
    /// longshore's -j [default: its own]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Measure longshore alone, cold, with each of these -j
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) jobs_sweep: Option<Vec<usize>>,
    /// How often each is measured; the figures are medians [default: 3, or 1 with --quick]
    #[arg(long, value_name = "N")]
    pub(crate) repetitions: Option<usize>,
    /// Small corpora and one repetition: under three minutes
    #[arg(long)]
    pub(crate) quick: bool,
    /// Images of `tiny` [default: 500, or 12 with --quick]
    #[arg(long, value_name = "N")]
    pub(crate) tiny_images: Option<usize>,
    /// Throw a run away if other processes used more than so many cores meanwhile
    #[arg(long, value_name = "CORES", default_value_t = 0.25)]
    pub(crate) busy: f64,
    /// Let the way to the registries reset every Nth connection after 256 KiB
    #[arg(long, value_name = "N")]
    pub(crate) drop_every: Option<u64>,
    /// Let the way to the registries carry at most so many bytes a second, connection and direction
    #[arg(long, value_name = "BYTES")]
    pub(crate) throttle: Option<u64>,
    /// Answer the first request of every Nth connection with 429 (plain HTTP only)
    #[arg(long, value_name = "N")]
    pub(crate) refuse_every: Option<u64>,
    /// Write the report there too, such as to docs/benchmarks.md
    #[arg(long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Where the destination stores what it gets, such as a folder in memory
    #[arg(long, value_name = "FOLDER")]
    pub(crate) storage: Option<PathBuf>,
    /// Where corpora, results and installed peers are
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    pub(crate) folder: PathBuf,
}

impl Options {
    /// How often each is measured.
    pub(crate) fn repetitions(&self) -> usize {
        self.repetitions.unwrap_or(if self.quick { 1 } else { 3 }).max(1)
    }

    /// How many images `tiny` has.
    pub(crate) fn tiny_images(&self) -> usize {
        self.tiny_images.unwrap_or(if self.quick { 12 } else { 500 }).max(1)
    }

    /// Whether this corpus was asked for.
    pub(crate) fn chose(&self, choice: Choice) -> bool {
        self.corpus.iter().any(|chosen| *chosen == choice || *chosen == Choice::All)
    }

    /// Whether the long lists were asked for.
    pub(crate) fn measures_scale(&self) -> bool {
        self.chose(Choice::Scale)
    }

    /// Whether peers take part that are not named.
    pub(crate) fn takes(&self, peer: Peer) -> bool {
        self.peers.as_ref().is_none_or(|peers| peers.contains(&Some(peer)))
    }

    /// What goes wrong on the way, if anything.
    pub(crate) fn fault(&self) -> Fault {
        Fault {
            drop_every: self.drop_every,
            throttle: self.throttle,
            refuse_every: self.refuse_every,
        }
    }

    /// The round trips, each once.
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
    fn everything_is_measured_unless_something_is_named() {
        let all = Options::parse_from(REQUIRED);
        assert!(all.chose(Choice::Mixed) && all.measures_scale() && all.takes(Peer::Crane));
        assert_eq!(all.tls, Tls::No);
        let some = ["--corpus", "tiny", "--peers", "none", "--tls", "--quick"];
        let some = Options::parse_from(REQUIRED.iter().chain(&some));
        assert!(some.chose(Choice::Tiny) && !some.chose(Choice::Mixed) && !some.takes(Peer::Crane));
        assert_eq!((some.tls, some.repetitions()), (Tls::Only, 1));
    }
}
