//! Who is measured, and how each is told to copy a corpus.

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

/// A program and the way in which it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Peer {
    /// What all of this is about.
    Longshore,
    /// One process, one image after the other.
    SkopeoSync,
    /// `skopeo copy --all`, four processes at a time.
    SkopeoCopy,
    /// `crane copy`, four processes at a time.
    Crane,
    /// As it comes.
    Regsync,
    /// Eight images and sixteen requests at a time.
    RegsyncTuned,
    /// `hangar mirror -j 4`.
    Hangar,
    /// As it comes.
    Ocync,
}

/// What a peer has to do.
pub(crate) struct Job<'a> {
    /// `host:port` to copy from.
    pub(crate) source: &'a str,
    /// `host:port` to copy to.
    pub(crate) destination: &'a str,
    /// What.
    pub(crate) corpus: &'a Corpus,
    /// The peer's own folder: configuration goes there, and it is its home and working directory.
    pub(crate) scratch: &'a Path,
    /// What to trust, if the registries speak TLS.
    pub(crate) authority: Option<&'a Path>,
    /// longshore's `-j`.
    pub(crate) jobs: Option<usize>,
}

impl Peer {
    /// Everybody but longshore.
    pub(crate) const ALL: &'static [Self] = &[
        Self::SkopeoSync,
        Self::SkopeoCopy,
        Self::Hangar,
        Self::Crane,
        Self::Regsync,
        Self::RegsyncTuned,
        Self::Ocync,
    ];

    /// Reads one word of `--peers`.
    pub(crate) fn parse(word: &str) -> Result<Option<Self>, String> {
        if word == "none" {
            return Ok(None);
        }
        let known: Vec<String> = Self::ALL.iter().map(Self::word).collect();
        let found = Self::ALL.iter().find(|peer| peer.word() == word);
        found.copied().map(Some).ok_or_else(|| format!("known are none, {}", known.join(", ")))
    }

    /// As on the command line.
    fn word(&self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// As in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Longshore => "**longshore**",
            Self::SkopeoSync => "skopeo sync",
            Self::SkopeoCopy => "skopeo copy --all, 4 at a time",
            Self::Crane => "crane copy, 4 at a time",
            Self::Regsync => "regsync, default",
            Self::RegsyncTuned => "regsync, tuned 8/16",
            Self::Hangar => "hangar mirror -j 4",
            Self::Ocync => "ocync sync",
        }
    }

    /// The program's name.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Longshore => "longshore",
            Self::SkopeoSync | Self::SkopeoCopy => "skopeo",
            Self::Crane => "crane",
            Self::Regsync | Self::RegsyncTuned => "regsync",
            Self::Hangar => "hangar",
            Self::Ocync => "ocync",
        }
    }

    /// What the program says that it is.
    pub(crate) fn version(self, program: &Path) -> String {
        match self {
            Self::Longshore | Self::SkopeoSync | Self::SkopeoCopy => {
                version(program, &["--version"])
            }
            _ => version(program, &["version"]),
        }
    }

    /// Whether the index under a tag is the source's, byte for byte. Hangar writes one of its own
    /// around the same children.
    pub(crate) fn keeps_indexes(self) -> bool {
        self != Self::Hangar
    }

    /// The commands that do the job.
    pub(crate) fn work(self, program: &Path, job: &Job<'_>) -> Result<Work> {
        match self {
            Self::Longshore => longshore::work(program, job),
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

/// A command that knows nothing of the person who runs the benchmark.
fn command(program: &Path, job: &Job<'_>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(job.scratch).env_clear().env("HOME", job.scratch);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    // Go and rustls both take it in place of the system's roots.
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
        let refused = Peer::parse("docker").expect_err("nobody is called so");
        assert!(refused.contains("skopeo-sync") && !refused.contains("longshore"), "{refused}");
    }
}
