//! Wall time and CPU time of one run of a command.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What a run cost.
#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) wall: Duration,
    /// User and system time, in steps of the kernel's clock tick (10 ms).
    pub(super) cpu: Duration,
}

/// Runs `command`, which must exit with `code`.
pub(super) fn cost_of(mut command: Command, code: i32) -> Result<Cost> {
    let before = children()?;
    let started = Instant::now();
    let status = command.status().with_context(|| format!("run {:?}", command.get_program()))?;
    let wall = started.elapsed();
    ensure!(status.code() == Some(code), "{command:?} ended with {status}, not with {code}");
    Ok(Cost { wall, cpu: children()?.saturating_sub(before) })
}

/// The median of each figure on its own.
pub(super) fn median(costs: Vec<Cost>) -> Cost {
    let middle = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    Cost {
        wall: middle(costs.iter().map(|cost| cost.wall).collect()),
        cpu: middle(costs.iter().map(|cost| cost.cpu).collect()),
    }
}

/// CPU time of all children that have ended (proc(5), `/proc/self/stat`, fields 16 and 17).
fn children() -> Result<Duration> {
    const TICK: Duration = Duration::from_millis(10);
    let stat = std::fs::read_to_string("/proc/self/stat")
        .context("read the CPU time; only Linux has it")?;
    let behind_name = stat.rsplit_once(')').context("read /proc/self/stat")?.1;
    let ticks = behind_name.split_whitespace().skip(13).take(2).map(str::parse::<u32>);
    let total: u32 = ticks.sum::<Result<u32, _>>().context("read /proc/self/stat")?;
    Ok(TICK * total)
}
