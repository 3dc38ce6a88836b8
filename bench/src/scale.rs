//! Measures the memory for a list of 100,000 entries, between two stub registries.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::measure::{Work, cost_of};
use crate::stub::{Images, Stub};
use crate::workbench::Workbench;

/// Number of images in the list with few images.
pub(crate) const FEW: u64 = 8;

/// Number of repositories that the entries are spread over.
const REPOSITORIES: u64 = 100;

/// Maximum bytes per entry of a planned list.
const ENTRY: u64 = 200;

/// Maximum bytes of a run besides its entries.
const BASE: u64 = 32 << 20;

/// The cost of a long list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// Number of entries in the list.
    pub(crate) entries: u64,
    /// Number of distinct images.
    pub(crate) images: u64,
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// CPU time in seconds.
    pub(crate) cpu: f64,
    /// Peak memory before the first request, while longshore reads and plans the list, in bytes.
    pub(crate) listing: u64,
    /// Peak memory from the first request on, in bytes.
    pub(crate) copying: u64,
    /// Number of requests to both registries.
    pub(crate) requests: u64,
}

impl Scale {
    /// Returns the memory target while copying, in bytes.
    pub(crate) fn allowed(&self) -> u64 {
        BASE + ENTRY * self.entries
    }
}

/// Copies a long list of few images, and a list where each entry is a distinct image.
pub(crate) fn measure(bench: &Workbench<'_>) -> Result<Vec<Scale>> {
    println!("\n== scale");
    let entries = entries(bench);
    [FEW, entries].into_iter().map(|images| measured(bench, entries, images)).collect()
}

/// Returns the number of entries of a long list.
pub(crate) fn entries(bench: &Workbench<'_>) -> u64 {
    if bench.options.quick { 5_000 } else { 100_000 }
}

/// Writes a list of so many entries to `images.txt`.
pub(crate) fn write_list(scratch: &Path, entries: u64) -> Result<()> {
    let mut list = String::new();
    for entry in 0..entries {
        let repository = entry % REPOSITORIES;
        writeln!(list, "scale/app-{repository} scale/app-{repository} t{entry}")?;
    }
    fs::write(scratch.join("images.txt"), list).context("failed to write a list")
}

/// Returns the command for that list, without its registries.
pub(crate) fn local(bench: &Workbench<'_>) -> Command {
    let longshore = bench.longshore();
    let mut command = Command::new(longshore.program);
    command.args(["mirror", "-f", "images.txt", "-a", "all", "--os", "all"]);
    if let Some(jobs) = longshore.jobs {
        command.args(["-j", &jobs.to_string()]);
    }
    command
}

fn measured(bench: &Workbench<'_>, entries: u64, images: u64) -> Result<Scale> {
    let runtime = bench.runtime.handle();
    let source = Stub::start(runtime, Some(Images::new(images)))?;
    let destination = Stub::start(runtime, None)?;
    let scratch = bench.scratch()?;
    write_list(&scratch, entries)?;
    let mut command = local(bench);
    command.current_dir(&scratch).env_clear().env("HOME", &scratch);
    command.env("LONGSHORE_CACHE_DIR", scratch.join("cache"));
    command.args(["-s", source.address(), "-d", destination.address()]);
    let cost = cost_of(Work::one(command), &scratch.join("output.log"))?;
    let (tags, wrong) = destination.tags(&Images::new(images));
    ensure!(
        tags as u64 == entries && wrong == 0,
        "{tags} of {entries} tags arrived, {wrong} of them wrong"
    );
    let first = source.first_request().into_iter().chain(destination.first_request()).min();
    let (listing, copying) = cost.peaks_around(first.context("no request arrived")?);
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
