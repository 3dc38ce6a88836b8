//! What a list of 100,000 entries costs in memory, between two stubs.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::measure::{Work, cost_of};
use crate::stub::{Images, Stub};
use crate::workbench::Workbench;

/// Images of the list that names few.
const FEW: u64 = 8;

/// Repositories that the entries are spread over.
const REPOSITORIES: u64 = 100;

/// Bytes that an entry may cost once the list is planned.
const ENTRY: u64 = 200;

/// Bytes that a run may cost beside that.
const BASE: u64 = 32 << 20;

/// What a long list cost.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// Entries of the list.
    pub(crate) entries: u64,
    /// Distinct images that they name.
    pub(crate) images: u64,
    /// Wall seconds.
    pub(crate) wall: f64,
    /// CPU seconds.
    pub(crate) cpu: f64,
    /// The most bytes before the first request: reading and planning the list.
    pub(crate) listing: u64,
    /// The most bytes from the first request on.
    pub(crate) copying: u64,
    /// Requests to both ends.
    pub(crate) requests: u64,
}

impl Scale {
    /// What the design allows while it copies, in bytes.
    pub(crate) fn allowed(&self) -> u64 {
        BASE + ENTRY * self.entries
    }
}

/// Copies a long list over few images, and one where each entry is an image of its own.
pub(crate) fn measure(bench: &Workbench<'_>) -> Result<Vec<Scale>> {
    println!("\n== scale");
    let entries = if bench.options.quick { 5_000 } else { 100_000 };
    [FEW, entries].into_iter().map(|images| measured(bench, entries, images)).collect()
}

fn measured(bench: &Workbench<'_>, entries: u64, images: u64) -> Result<Scale> {
    let runtime = bench.runtime.handle();
    let source = Stub::start(runtime, Some(Images::new(images)))?;
    let destination = Stub::start(runtime, None)?;
    let scratch = bench.scratch()?;
    let mut list = String::new();
    for entry in 0..entries {
        let repository = entry % REPOSITORIES;
        writeln!(list, "scale/app-{repository} scale/app-{repository} t{entry}")?;
    }
    fs::write(scratch.join("images.txt"), list).context("failed to write a list")?;
    let longshore = bench.longshore();
    let mut command = Command::new(longshore.program);
    command.current_dir(&scratch).env_clear().env("HOME", &scratch);
    command.env("LONGSHORE_CACHE_DIR", scratch.join("cache"));
    command.args(["mirror", "-f", "images.txt", "-a", "all", "--os", "all"]);
    command.args(["-s", source.address(), "-d", destination.address()]);
    if let Some(jobs) = longshore.jobs {
        command.args(["-j", &jobs.to_string()]);
    }
    let cost = cost_of(Work::one(command), &scratch.join("output.log"))?;
    let (tags, wrong) = destination.tags(&Images::new(images));
    ensure!(
        tags as u64 == entries && wrong == 0,
        "{tags} of {entries} tags arrived, {wrong} of them wrong"
    );
    let first = source.first_request().into_iter().chain(destination.first_request()).min();
    let (listing, copying) = cost.peaks_around(first.context("nothing was asked")?);
    let scale = Scale {
        entries,
        images,
        wall: cost.wall.as_secs_f64(),
        cpu: cost.cpu.as_secs_f64(),
        listing,
        copying,
        requests: source.requests() + destination.requests(),
    };
    println!("{entries} entries over {images} images: {:.1} s", scale.wall);
    Ok(scale)
}
