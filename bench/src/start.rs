//! What the program itself costs, without a registry.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::measure::{Work, cost_of};
use crate::workbench::Workbench;

/// Lines of the long list.
const LINES: usize = 100_000;

/// A median.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// What was run.
    pub(crate) what: String,
    /// Wall seconds.
    pub(crate) wall: f64,
    /// CPU seconds.
    pub(crate) cpu: f64,
    /// The peak of memory in bytes.
    pub(crate) peak: u64,
}

/// Calls every plugin once, so that no measured run compiles it.
pub(crate) fn compile_plugins(bench: &Workbench<'_>) -> Result<()> {
    let list = list(bench, "one.txt", 1)?;
    let output = bench.folder.join("start.log");
    cost_of(plan(bench, &list), &output).map(drop)
}

/// Measures a start, and one with a long list.
pub(crate) fn measure(bench: &Workbench<'_>) -> Result<Vec<Start>> {
    println!("\n== the program itself");
    let (one, long) = (list(bench, "one.txt", 1)?, list(bench, "lines.txt", LINES)?);
    let times = if bench.options.quick { 5 } else { 20 };
    let version = || {
        let mut command = command(bench);
        command.arg("--version");
        Work::one(command)
    };
    Ok(vec![
        median(bench, "`longshore --version`", times, version)?,
        median(bench, "load and call the plugins, plan one line", times, || plan(bench, &one))?,
        median(bench, &format!("the same with {LINES} lines"), times.div_ceil(5), || {
            plan(bench, &long)
        })?,
    ])
}

fn median(
    bench: &Workbench<'_>,
    what: &str,
    times: usize,
    work: impl Fn() -> Work,
) -> Result<Start> {
    let output = bench.folder.join("start.log");
    let mut costs = (0..times).map(|_| cost_of(work(), &output)).collect::<Result<Vec<_>>>()?;
    // The long list's log has a line for each entry.
    fs::remove_file(&output).context("failed to remove a log")?;
    costs.sort_by_key(|cost| cost.wall);
    let wall = costs[costs.len() / 2].wall;
    costs.sort_by_key(|cost| cost.cpu);
    let cpu = costs[costs.len() / 2].cpu;
    let peak = costs.iter().map(|cost| cost.peak).max().unwrap_or(0);
    let seconds = |time: Duration| time.as_secs_f64();
    Ok(Start { what: what.to_owned(), wall: seconds(wall), cpu: seconds(cpu), peak })
}

/// A list of `lines` lines and one more that goes where the last of them goes: it is parsed,
/// rewritten and planned, and then refused without a request and without a line for each entry.
fn list(bench: &Workbench<'_>, name: &str, lines: usize) -> Result<PathBuf> {
    let path = bench.folder.join(name);
    let mut text = String::new();
    for n in 1..=lines {
        writeln!(text, "team/app{n} team/app{n} 1.0.{n}")?;
    }
    writeln!(text, "team/another team/app{lines} 1.0.{lines}")?;
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(path)
}

fn plan(bench: &Workbench<'_>, list: &Path) -> Work {
    let mut command = command(bench);
    command.args(["mirror", "-s", "localhost:1", "-d", "localhost:2", "-f"]).arg(list);
    Work { code: 2, ..Work::one(command) }
}

fn command(bench: &Workbench<'_>) -> Command {
    let mut command = Command::new(bench.longshore().program);
    command.current_dir(&bench.folder).env_clear().env("HOME", &bench.folder);
    command.env("LONGSHORE_CACHE_DIR", bench.cache());
    command
}
