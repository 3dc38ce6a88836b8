//! longshore. Before a cold run its cache holds only its compiled plugins.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Job, command};
use crate::measure::Work;

pub(super) fn work(program: &Path, job: &Job<'_>) -> Result<Work> {
    fs::write(job.scratch.join("images.txt"), job.corpus.list())
        .context("failed to write a list")?;
    let mut command = command(program, job);
    command.env("LONGSHORE_CACHE_DIR", job.scratch.join("cache"));
    command.args(["mirror", "-f", "images.txt", "-s", job.source, "-d", job.destination]);
    // The other programs copy all platforms too.
    command.args(["-a", "all", "--os", "all"]);
    if let Some(jobs) = job.jobs {
        command.args(["-j", &jobs.to_string()]);
    }
    Ok(Work::one(command))
}
