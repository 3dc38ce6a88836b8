//! `regsync once`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Job, command};
use crate::measure::Work;

/// Creates the command. `tuned` sets the numbers of concurrent images and requests.
pub(super) fn work(program: &Path, job: &Job<'_>, tuned: Option<(u32, u32)>) -> Result<Work> {
    let tls = if job.authority.is_some() { "enabled" } else { "disabled" };
    let registry = |name: &str| {
        let mut registry = json!({"registry": name, "tls": tls});
        if let Some((_, requests)) = tuned {
            registry["reqConcurrent"] = requests.into();
        }
        registry
    };
    let images = job.corpus.entries.iter().map(|entry| {
        let name = |registry: &str| format!("{registry}/{}:{}", entry.repository, entry.tag);
        json!({"source": name(job.source), "target": name(job.destination), "type": "image"})
    });
    let mut config = json!({
        "version": 1,
        "creds": [registry(job.source), registry(job.destination)],
        "sync": images.collect::<Vec<Value>>(),
    });
    if let Some((images, _)) = tuned {
        config["defaults"] = json!({"parallel": images});
    }
    // JSON is YAML.
    fs::write(job.scratch.join("regsync.yml"), config.to_string())
        .context("failed to write a configuration")?;
    let mut command = command(program, job);
    command.args(["once", "--config", "regsync.yml", "--verbosity", "warn"]);
    Ok(Work::one(command))
}
