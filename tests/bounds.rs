//! Bounds of input: what is too large is refused in little memory, and what never comes ends at the first
//! Ctrl-C.

mod answers;
mod cache;
mod files;
mod lists;
mod manifests;
mod pipes;

use crate::support::{Longshore, Run};

/// The memory that no refused or listed input exceeds, in KiB.
const MEMORY: u64 = 300 * 1024;

/// Runs to the end, and checks the peak of memory.
#[track_caller]
fn within_memory(longshore: Longshore) -> Run {
    let mut running = longshore.start();
    let mut peak = 0;
    // Samples until the process ends. It grows to its peak and keeps most of it.
    while let Some(now) = running.peak_memory() {
        peak = now.max(peak);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let run = running.finish();
    assert!(peak < MEMORY, "it took {} MiB\n{}", peak / 1024, run.stderr);
    run
}
