//! Measures wall time, CPU time and memory of commands that run together.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::{memory, own_cpu, tree};

/// Sampling interval for memory.
const SAMPLE: Duration = Duration::from_millis(4);

/// Time limit. A command that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(30);

/// The commands of one measurement.
pub(crate) struct Work {
    /// The commands, in order.
    pub(crate) commands: Vec<Command>,
    /// Maximum number of concurrent commands.
    pub(crate) at_once: usize,
    /// The expected exit code.
    pub(crate) code: i32,
}

impl Work {
    /// Creates a measurement of one command that must succeed.
    pub(crate) fn one(command: Command) -> Self {
        Self { commands: vec![command], at_once: 1, code: 0 }
    }
}

/// The cost of a run.
pub(crate) struct Cost {
    /// Start time.
    pub(crate) started: Instant,
    /// Wall time from the first start to the last end.
    pub(crate) wall: Duration,
    /// User and system time of all processes, in steps of the kernel's clock tick (10 ms).
    pub(crate) cpu: Duration,
    /// Peak memory of all processes together, in bytes.
    pub(crate) peak: u64,
    /// Memory of all processes together, with the time of each sample.
    pub(crate) samples: Vec<(Duration, u64)>,
}

impl Cost {
    /// Returns the peak memory before this point in time, and the peak after it.
    pub(crate) fn peaks_around(&self, moment: Instant) -> (u64, u64) {
        let moment = moment.saturating_duration_since(self.started);
        let peak = |later: bool| {
            let samples = self.samples.iter().filter(|(at, _)| (*at >= moment) == later);
            samples.map(|(_, bytes)| *bytes).max().unwrap_or(0)
        };
        (peak(false), peak(true))
    }
}

/// The IDs of the running processes.
type Running = Mutex<Vec<u32>>;

/// Runs the commands and writes what they print to `output`.
pub(crate) fn cost_of(work: Work, output: &Path) -> Result<Cost> {
    let Work { commands, at_once, code } = work;
    let queue = Mutex::new(VecDeque::from(commands));
    let (running, ended) = (Running::default(), AtomicBool::new(false));
    let (_, before) = own_cpu();
    let started = Instant::now();
    let (result, wall, (samples, high)) = scope(|scope| {
        let sampler = scope.spawn(|| sample(&running, &ended, started));
        let workers: Vec<_> =
            (0..at_once).map(|_| scope.spawn(|| drain(&queue, &running, code, output))).collect();
        let ends: Vec<Result<()>> = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker thread panicked")))
            .collect();
        let wall = started.elapsed();
        ended.store(true, Ordering::Release);
        let samples = sampler.join().unwrap_or_default();
        (ends.into_iter().collect::<Result<()>>(), wall, samples)
    });
    result?;
    let together = samples.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    let cpu = own_cpu().1.saturating_sub(before);
    Ok(Cost { started, wall, cpu, peak: together.max(high), samples })
}

/// Runs commands until none is left or one fails.
fn drain(
    queue: &Mutex<VecDeque<Command>>,
    running: &Running,
    code: i32,
    output: &Path,
) -> Result<()> {
    loop {
        let next = lock(queue).pop_front();
        let Some(mut command) = next else {
            return Ok(());
        };
        let open = || File::options().create(true).append(true).open(output);
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let mut child = command
            .spawn()
            .with_context(|| format!("failed to run {}", command.get_program().display()))?;
        lock(running).push(child.id());
        let status = child.wait();
        lock(running).retain(|id| *id != child.id());
        let status = status.context("failed to wait for a command")?;
        if status.code() != Some(code) {
            lock(queue).clear();
            // Without path and arguments, because the name goes into the report.
            let name = Path::new(command.get_program()).file_name().unwrap_or_default();
            bail!("{} ended with {status}:\n{}", name.display(), tail(output));
        }
    }
}

/// Samples the memory of the running processes until all have ended. Kills processes that hang.
fn sample(running: &Running, ended: &AtomicBool, started: Instant) -> (Vec<(Duration, u64)>, u64) {
    let (mut samples, mut high) = (Vec::new(), 0);
    while !ended.load(Ordering::Acquire) {
        let ids = lock(running).clone();
        let memories: Vec<_> = ids.iter().flat_map(|id| tree(*id)).map(memory).collect();
        high = memories.iter().map(|memory| memory.peak).fold(high, u64::max);
        let together = memories.iter().map(|memory| memory.resident).sum();
        samples.push((started.elapsed(), together));
        if started.elapsed() > LIMIT {
            for pid in ids.into_iter().filter_map(|id| Pid::from_raw(id.cast_signed())) {
                // Fails only if the process has ended in the meantime.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        sleep(SAMPLE);
    }
    (samples, high)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Returns the last lines of the output.
fn tail(output: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(output).unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{Cost, Work, cost_of};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn all_commands_run_and_a_failure_shows_its_output() {
        let folder = tempfile::tempdir().expect("a scratch directory can be made");
        let output = folder.path().join("output");
        let work = Work {
            commands: (0..5).map(|n| shell(&format!("echo ran{n}"))).collect(),
            at_once: 2,
            code: 0,
        };
        let cost = cost_of(work, &output).expect("all of them succeed");
        assert!(cost.wall > Duration::ZERO);
        let said = std::fs::read_to_string(&output).expect("they printed something");
        assert_eq!(said.lines().count(), 5, "{said}");

        let failure = cost_of(Work::one(shell("echo because; exit 3")), &output);
        let failure = failure.err().expect("it fails").to_string();
        assert!(failure.contains("exit status: 3") && failure.contains("because"), "{failure}");
    }

    #[test]
    fn peaks_before_and_after_a_moment_are_separate() {
        let started = Instant::now();
        let at = Duration::from_millis;
        let cost = Cost {
            started,
            wall: at(4),
            cpu: Duration::ZERO,
            peak: 9,
            samples: vec![(at(0), 3), (at(1), 9), (at(2), 5), (at(3), 6)],
        };
        assert_eq!(cost.peaks_around(started + at(2)), (9, 6));
    }
}
