//! What a component may use in a run, by all its calls together.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::limits::Limits;

/// What is left for a component.
#[derive(Debug)]
pub(crate) struct RunUse {
    /// CPU time in nanoseconds.
    cpu: AtomicU64,
    log_lines: AtomicUsize,
    log_bytes: AtomicUsize,
    /// Whether the log has said that it ends.
    log_ended: AtomicBool,
    scopes: AtomicUsize,
    /// The most bytes of memory that a call has used.
    memory: AtomicUsize,
}

/// What becomes of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logged {
    /// It is logged.
    Yes,
    /// It is the first that is not.
    Last,
    /// It is dropped.
    No,
}

impl RunUse {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            cpu: AtomicU64::new(u64::try_from(limits.run_cpu.as_nanos()).unwrap_or(u64::MAX)),
            log_lines: AtomicUsize::new(limits.run_log_lines),
            log_bytes: AtomicUsize::new(limits.run_log_bytes),
            log_ended: AtomicBool::new(false),
            scopes: AtomicUsize::new(limits.run_scopes),
            memory: AtomicUsize::new(0),
        }
    }

    /// Takes CPU time, and returns whether some is left.
    pub(crate) fn take_cpu(&self, used: Duration) -> bool {
        let used = u64::try_from(used.as_nanos()).unwrap_or(u64::MAX);
        let left = self.cpu.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(used)));
        left.is_ok_and(|left| left > used)
    }

    /// Takes room for a log line of `bytes`.
    pub(crate) fn log(&self, bytes: usize) -> Logged {
        if take(&self.log_lines, 1) && take(&self.log_bytes, bytes) {
            return Logged::Yes;
        }
        // A shorter line would still fit, but nobody could follow such a log.
        self.log_lines.store(0, Relaxed);
        if self.log_ended.swap(true, Relaxed) { Logged::No } else { Logged::Last }
    }

    /// Keeps the memory of a call if no other used more.
    pub(crate) fn keep_memory(&self, bytes: usize) {
        self.memory.fetch_max(bytes, Relaxed);
    }

    /// Returns the most bytes of memory that a call has used.
    pub(crate) fn peak_memory(&self) -> usize {
        self.memory.load(Relaxed)
    }

    /// Takes room for scopes, and returns whether there is enough.
    pub(crate) fn take_scopes(&self, count: usize) -> bool {
        take(&self.scopes, count)
    }
}

fn take(from: &AtomicUsize, count: usize) -> bool {
    from.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(count)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Logged, RunUse};
    use crate::Limits;

    #[test]
    fn the_log_of_a_run_ends_once() {
        for limits in [
            Limits { run_log_lines: 2, ..Limits::default() },
            Limits { run_log_bytes: 25, ..Limits::default() },
        ] {
            let run = RunUse::new(&limits);
            let lines: Vec<Logged> = [10, 10, 10, 1].map(|bytes| run.log(bytes)).into();
            assert_eq!(lines, [Logged::Yes, Logged::Yes, Logged::Last, Logged::No]);
        }
    }

    #[test]
    fn scopes_are_counted_for_the_run() {
        let run = RunUse::new(&Limits { run_scopes: 10, ..Limits::default() });
        assert!(run.take_scopes(6) && !run.take_scopes(5) && run.take_scopes(4));
        assert!(!run.take_scopes(1) && run.take_scopes(0));
    }
}
