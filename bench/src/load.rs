//! Detects whether other processes kept the machine busy during a run.

use std::fs;
use std::time::{Duration, Instant};

use crate::process::{cpu, machine_cpu, own_cpu};

/// The state of the machine at the start of a run.
pub(crate) struct Load<'a> {
    /// The registries of the run.
    servers: &'a [u32],
    started: Instant,
    machine: Duration,
    ours: Duration,
}

impl<'a> Load<'a> {
    /// Starts the measurement. The CPU time of the servers counts as the run's own.
    pub(crate) fn watch(servers: &'a [u32]) -> Self {
        Self { servers, started: Instant::now(), machine: machine_cpu(), ours: ours(servers) }
    }

    /// Returns the average number of cores that other processes have used since then.
    pub(crate) fn others(&self) -> f64 {
        let machine = machine_cpu().saturating_sub(self.machine);
        let ours = ours(self.servers).saturating_sub(self.ours);
        machine.saturating_sub(ours).as_secs_f64() / self.started.elapsed().as_secs_f64()
    }
}

/// Returns the CPU time of this process (proxies and sampling), its ended children and the servers.
fn ours(servers: &[u32]) -> Duration {
    let (own, ended) = own_cpu();
    own + ended + servers.iter().map(|id| cpu(*id)).sum::<Duration>()
}

/// Returns the load average of the last minute.
pub(crate) fn average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}
