//! Measures the cost of the program itself, without a registry.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::measure::{Cost, Work, cost_of};
use crate::peer::Peer;
use crate::workbench::Workbench;

/// Number of lines in the long list.
const LINES: usize = 100_000;

/// The median of a measurement.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The measured command.
    pub(crate) what: String,
    /// Wall time in seconds.
    pub(crate) wall: f64,
    /// CPU time in seconds.
    pub(crate) cpu: f64,
    /// Peak memory in bytes.
    pub(crate) peak: u64,
}

/// Calls every plugin of each build once, so that no measured run has to compile it.
pub(crate) fn compile_plugins(bench: &Workbench<'_>) -> Result<()> {
    let list = list(bench, "one.txt", 1)?;
    let output = bench.folder.join("start.log");
    for contestant in bench.contestants() {
        if matches!(contestant.peer, Peer::Longshore | Peer::LongshoreBaseline) {
            cost_of(plan(bench, &contestant.program, &list), &output)?;
        }
    }
    Ok(())
}

/// Measures the start, and a run with a long list.
pub(crate) fn measure(bench: &Workbench<'_>) -> Result<Vec<Start>> {
    println!("\n== the program itself");
    let (one, long) = (list(bench, "one.txt", 1)?, list(bench, "lines.txt", LINES)?);
    let program = bench.longshore().program;
    let times = if bench.options.quick { 5 } else { 20 };
    let version = || {
        let mut command = command(bench, &program);
        command.arg("--version");
        Work::one(command)
    };
    Ok(vec![
        median(bench, "`longshore --version`", times, version)?,
        median(bench, "load and call the plugins, plan one line", times, || {
            plan(bench, &program, &one)
        })?,
        median(bench, &format!("the same with {LINES} lines"), times.div_ceil(5), || {
            plan(bench, &program, &long)
        })?,
    ])
}

/// Measures the plan of one list of so many lines.
pub(crate) fn plan_of(bench: &Workbench<'_>, lines: usize) -> Result<Cost> {
    let list = list(bench, "lines.txt", lines)?;
    cost_of(plan(bench, &bench.longshore().program, &list), &bench.folder.join("start.log"))
}

fn median(
    bench: &Workbench<'_>,
    what: &str,
    times: usize,
    work: impl Fn() -> Work,
) -> Result<Start> {
    let output = bench.folder.join("start.log");
    let mut costs = (0..times).map(|_| cost_of(work(), &output)).collect::<Result<Vec<_>>>()?;
    // The log of the long list has a line for each entry.
    fs::remove_file(&output).context("failed to remove a log")?;
    costs.sort_by_key(|cost| cost.wall);
    let wall = costs[costs.len() / 2].wall;
    costs.sort_by_key(|cost| cost.cpu);
    let cpu = costs[costs.len() / 2].cpu;
    let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or(0);
    let seconds = |time: Duration| time.as_secs_f64();
    Ok(Start { what: what.to_owned(), wall: seconds(wall), cpu: seconds(cpu), peak })
}

/// Writes a list of `lines` lines.
fn list(bench: &Workbench<'_>, name: &str, lines: usize) -> Result<PathBuf> {
    let path = bench.folder.join(name);
    let mut text = String::new();
    for n in 1..=lines {
        writeln!(text, "team/app{n} team/app{n} 1.0.{n}")?;
    }
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(path)
}

/// Returns a run that parses, rewrites and plans a list, and then finds no NATS server. It sends no request
/// to a registry and prints no line for each entry.
fn plan(bench: &Workbench<'_>, program: &Path, list: &Path) -> Work {
    let mut command = command(bench, program);
    command.args([
        "mirror",
        "-s",
        "localhost:1",
        "-d",
        "localhost:2",
        "--fleet",
        "nats://127.0.0.1:1",
    ]);
    command.arg("-f").arg(list);
    Work { code: 2, ..Work::one(command) }
}

fn command(bench: &Workbench<'_>, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(&bench.folder).env_clear().env("HOME", &bench.folder);
    command.env("LONGSHORE_CACHE_DIR", bench.cache());
    command
}
