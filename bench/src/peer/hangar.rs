//! `hangar mirror` with the list that longshore reads.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::{Job, command};
use crate::measure::Work;

pub(super) fn work(program: &Path, job: &Job<'_>) -> Result<Work> {
    fs::write(job.scratch.join("images.txt"), job.corpus.list())
        .context("failed to write a list")?;
    let mut command = command(program, job);
    command.args(["mirror", "-f", "images.txt", "-s", job.source, "-d", job.destination]);
    command.args(["-j", "4", "--skip-login"]);
    command.arg(format!("--tls-verify={}", job.authority.is_some()));
    Ok(Work::one(command))
}
