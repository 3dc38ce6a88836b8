//! skopeo: one process for all images, or one per image.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{Job, command};
use crate::measure::Work;

pub(super) fn sync(program: &Path, job: &Job<'_>) -> Result<Work> {
    let mut images: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in &job.corpus.entries {
        images.entry(&entry.repository).or_default().push(&entry.tag);
    }
    // JSON is YAML.
    let list = json!({ job.source: { "tls-verify": job.authority.is_some(), "images": images } });
    fs::write(job.scratch.join("sync.yml"), list.to_string()).context("failed to write a list")?;
    let mut command = command(program, job);
    command.args(["--insecure-policy", "sync", "--all", "--src", "yaml", "--dest", "docker"]);
    command.arg(format!("--dest-tls-verify={}", job.authority.is_some()));
    // `skopeo sync` keeps only the last component of a repository.
    let first = job.corpus.entries.first().map_or("", |entry| entry.repository.as_str());
    let project = first.rsplit_once('/').map_or("", |(project, _)| project);
    command.arg("sync.yml").arg(format!("{}/{project}", job.destination));
    Ok(Work::one(command))
}

pub(super) fn copy(program: &Path, job: &Job<'_>) -> Work {
    let commands = job.corpus.entries.iter().map(|entry| {
        let name =
            |registry: &str| format!("docker://{registry}/{}:{}", entry.repository, entry.tag);
        let mut command = command(program, job);
        command.args(["--insecure-policy", "copy", "--all", "--quiet"]);
        for end in ["src", "dest"] {
            command.arg(format!("--{end}-tls-verify={}", job.authority.is_some()));
        }
        command.args([name(job.source), name(job.destination)]);
        command
    });
    Work { commands: commands.collect(), at_once: 4, code: 0 }
}
