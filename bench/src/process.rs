//! Reads process information of the kernel (proc(5)).

use std::fs;
use std::time::Duration;

/// The kernel's clock tick.
const TICK: Duration = Duration::from_millis(10);

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Current resident memory.
    pub(crate) resident: u64,
    /// Peak resident memory.
    pub(crate) peak: u64,
}

/// Returns the memory of a process, or zero after its end.
pub(crate) fn memory(id: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    memory_of(&text)
}

fn memory_of(status: &str) -> Memory {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let bytes = |name: &str| field(name).unwrap_or(0) * 1024;
    Memory { resident: bytes("VmRSS:"), peak: bytes("VmHWM:") }
}

/// Returns the process and all its descendants.
pub(crate) fn tree(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else {
            continue;
        };
        for thread in threads.filter_map(Result::ok) {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    found
}

/// Returns user and system time of a process, without its children.
pub(crate) fn cpu(id: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    times(&text).0
}

/// Returns user and system time of this process, and of all its ended children.
pub(crate) fn own_cpu() -> (Duration, Duration) {
    times(&fs::read_to_string("/proc/self/stat").unwrap_or_default())
}

/// Parses fields 14 to 17, which follow the name. The name may contain any character.
fn times(stat: &str) -> (Duration, Duration) {
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u32> =
        fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    let sum = |pair: Option<&[u32]>| TICK * pair.unwrap_or_default().iter().sum::<u32>();
    (sum(ticks.get(..2)), sum(ticks.get(2..)))
}

/// Returns the CPU time of all processors since boot, including stolen time.
pub(crate) fn machine_cpu() -> Duration {
    busy(&fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// Parses `cpu user nice system idle iowait irq softirq steal …`.
fn busy(stat: &str) -> Duration {
    let line = stat.lines().next().unwrap_or_default();
    let ticks = line.split_whitespace().skip(1).map(|field| field.parse::<u64>().unwrap_or(0));
    let counted = ticks.take(8).enumerate().filter(|(field, _)| !matches!(field, 3 | 4));
    let total: u64 = counted.map(|(_, ticks)| ticks).sum();
    Duration::from_millis(total * 10)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Memory, busy, memory, memory_of, times, tree};

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(memory_of(status), Memory { resident: 1 << 20, peak: 2 << 20 });
        assert!(memory(std::process::id()).resident > 0);
        assert_eq!(memory(u32::MAX), Memory::default());
    }

    #[test]
    fn cpu_times_are_found_after_any_process_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 9 9 9 9 3 4 10 20 20 0 1 0";
        assert_eq!(times(stat), (Duration::from_millis(70), Duration::from_millis(300)));
    }

    #[test]
    fn waiting_is_not_work() {
        let stat = "cpu  1 2 3 1000 1000 4 5 6 0 0\ncpu0 9 9 9 9\n";
        assert_eq!(busy(stat), Duration::from_millis(210));
    }

    #[test]
    fn a_child_is_in_the_tree() {
        let mut child =
            std::process::Command::new("sleep").arg("10").spawn().expect("sleep can be started");
        let found = tree(std::process::id()).contains(&child.id());
        child.kill().expect("it can be ended");
        child.wait().expect("it can be waited for");
        assert!(found);
    }
}
