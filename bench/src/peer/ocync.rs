//! `ocync sync`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Job, command};
use crate::measure::Work;

pub(super) fn work(program: &Path, job: &Job<'_>) -> Result<Work> {
    let scheme = if job.authority.is_some() { "https" } else { "http" };
    let registry =
        |name: &str| json!({"url": format!("{scheme}://{name}"), "auth_type": "anonymous"});
    let mappings = job.corpus.entries.iter().map(|entry| {
        let tags = json!({"glob": entry.tag});
        json!({"from": entry.repository, "to": entry.repository, "tags": tags})
    });
    let config = json!({
        "registries": {"source": registry(job.source), "destination": registry(job.destination)},
        "defaults": {"source": "source", "targets": ["destination"]},
        "mappings": mappings.collect::<Vec<Value>>(),
    });
    // JSON is YAML.
    fs::write(job.scratch.join("ocync.yml"), config.to_string())
        .context("failed to write a configuration")?;
    let mut command = command(program, job);
    command.args(["--quiet", "sync", "-c", "ocync.yml"]);
    Ok(Work::one(command))
}
