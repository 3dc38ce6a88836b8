//! `crane copy`, one process per image.

use std::path::Path;

use super::{Job, command};
use crate::measure::Work;

pub(super) fn work(program: &Path, job: &Job<'_>) -> Work {
    let commands = job.corpus.entries.iter().map(|entry| {
        let name = |registry: &str| format!("{registry}/{}:{}", entry.repository, entry.tag);
        let mut command = command(program, job);
        command.arg("copy").args([name(job.source), name(job.destination)]);
        command
    });
    Work { commands: commands.collect(), at_once: 4, code: 0 }
}
