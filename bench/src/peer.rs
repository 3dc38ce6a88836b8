//! The programs to measure, and their commands to copy a corpus.

mod crane;
mod hangar;
mod longshore;
mod ocync;
mod regsync;
mod skopeo;

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::measure::Work;
use crate::tools::version;

/// A program with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// The program of this repository.
    Longshore,
    /// Another build of longshore, to compare a change with what was before it.
    LongshoreBaseline,
    /// One process that copies the images in sequence.
    SkopeoSync,
    /// `skopeo copy --all`, four concurrent processes.
    SkopeoCopy,
    /// `crane copy`, four concurrent processes.
    Crane,
    /// Default settings.
    Regsync,
    /// Eight concurrent images and sixteen concurrent requests.
    RegsyncTuned,
    /// `hangar mirror -j 4`.
    Hangar,
    /// Default settings.
    Ocync,
}

/// The task for a peer.
pub(crate) struct Job<'a> {
    /// `host:port` of the source.
    pub(crate) source: &'a str,
    /// `host:port` of the destination.
    pub(crate) destination: &'a str,
    /// The corpus to copy.
    pub(crate) corpus: &'a Corpus,
    /// The peer's folder: its configuration, home and working directory.
    pub(crate) scratch: &'a Path,
    /// The certificate to trust, if the registries use TLS.
    pub(crate) authority: Option<&'a Path>,
    /// longshore's `-j`.
    pub(crate) jobs: Option<usize>,
}

impl Peer {
    /// All peers except longshore.
    pub(crate) const ALL: &'static [Self] = &[
        Self::LongshoreBaseline,
        Self::SkopeoSync,
        Self::SkopeoCopy,
        Self::Hangar,
        Self::Crane,
        Self::Regsync,
        Self::RegsyncTuned,
        Self::Ocync,
    ];

    /// Parses one word of `--peers`.
    pub(crate) fn parse(word: &str) -> Result<Option<Self>, String> {
        if word == "none" {
            return Ok(None);
        }
        let known: Vec<String> = Self::ALL.iter().map(Self::word).collect();
        let found = Self::ALL.iter().find(|peer| peer.word() == word);
        found.copied().map(Some).ok_or_else(|| format!("expected none, {}", known.join(", ")))
    }

    /// Returns the name on the command line.
    fn word(&self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Longshore => "**longshore**",
            Self::LongshoreBaseline => "longshore, baseline",
            Self::SkopeoSync => "skopeo sync",
            Self::SkopeoCopy => "skopeo copy --all, 4 at a time",
            Self::Crane => "crane copy, 4 at a time",
            Self::Regsync => "regsync, default",
            Self::RegsyncTuned => "regsync, tuned 8/16",
            Self::Hangar => "hangar mirror -j 4",
            Self::Ocync => "ocync sync",
        }
    }

    /// Returns the name of the program.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Longshore => "longshore",
            Self::LongshoreBaseline => "longshore-baseline",
            Self::SkopeoSync | Self::SkopeoCopy => "skopeo",
            Self::Crane => "crane",
            Self::Regsync | Self::RegsyncTuned => "regsync",
            Self::Hangar => "hangar",
            Self::Ocync => "ocync",
        }
    }

    /// Returns the version that the program reports.
    pub(crate) fn version(self, program: &Path) -> String {
        match self {
            Self::Longshore | Self::LongshoreBaseline | Self::SkopeoSync | Self::SkopeoCopy => {
                version(program, &["--version"])
            }
            _ => version(program, &["version"]),
        }
    }

    /// Reports whether the peer copies the index under a tag byte by byte. Hangar writes its own
    /// index with the same children.
    pub(crate) fn keeps_indexes(self) -> bool {
        self != Self::Hangar
    }

    /// Returns the commands for the task.
    pub(crate) fn work(self, program: &Path, job: &Job<'_>) -> Result<Work> {
        match self {
            Self::Longshore | Self::LongshoreBaseline => longshore::work(program, job),
            Self::SkopeoSync => skopeo::sync(program, job),
            Self::SkopeoCopy => Ok(skopeo::copy(program, job)),
            Self::Crane => Ok(crane::work(program, job)),
            Self::Regsync => regsync::work(program, job, None),
            Self::RegsyncTuned => regsync::work(program, job, Some((8, 16))),
            Self::Hangar => hangar::work(program, job),
            Self::Ocync => ocync::work(program, job),
        }
    }
}

/// Creates a command without the environment of the user who runs the benchmark.
fn command(program: &Path, job: &Job<'_>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(job.scratch).env_clear().env("HOME", job.scratch);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    // Go and rustls both use it instead of the system's certificates.
    command.envs(job.authority.map(|authority| ("SSL_CERT_FILE", authority)));
    command
}

#[cfg(test)]
mod tests {
    use super::Peer;

    #[test]
    fn peers_are_named_as_the_help_names_them() {
        assert_eq!(Peer::parse("regsync-tuned"), Ok(Some(Peer::RegsyncTuned)));
        assert_eq!(Peer::parse("none"), Ok(None));
        let refused = Peer::parse("docker").expect_err("no peer has this name");
        assert!(refused.contains("skopeo-sync") && !refused.contains("longshore,"), "{refused}");
    }
}
