//! The processes of a fleet: the NATS server and the workers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::{cpu, memory};
use crate::proxy::{Hosts, Uplink};
use crate::workbench::{Workbench, empty};

/// Time limit for a start or an end.
const LIMIT: Duration = Duration::from_secs(30);

/// A process that logs to a file. Dropping it kills the process by its ID.
struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a process, and returns what `pick` finds in its log.
    fn start<T>(
        command: &mut Command,
        log: PathBuf,
        pick: impl Fn(&str) -> Option<T>,
    ) -> Result<(Self, T)> {
        let open = || File::options().create(true).append(true).open(&log);
        command.stdin(Stdio::null()).stdout(open()?).stderr(open()?);
        let program = command.get_program().display().to_string();
        let child = command.spawn().with_context(|| format!("failed to start {program}"))?;
        let mut process = Self { child, log };
        let started = Instant::now();
        loop {
            let said = fs::read_to_string(&process.log).unwrap_or_default();
            if let Some(found) = said.lines().find_map(&pick) {
                return Ok((process, found));
            }
            let has_ended = process.child.try_wait().is_ok_and(|end| end.is_some());
            if has_ended || started.elapsed() > LIMIT {
                bail!("{program} does not say that it is ready:\n{said}");
            }
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A NATS server with an empty store.
pub(super) struct Nats {
    _process: Process,
    url: String,
}

impl Nats {
    /// Starts it in a folder of its own.
    pub(super) fn start(bench: &Workbench<'_>) -> Result<Self> {
        let Some(program) = bench.tools.find("nats-server") else {
            bail!(
                "nats-server is neither on PATH nor in ~/go/bin; install it with: go install github.com/nats-io/nats-server/v2@latest"
            );
        };
        let folder = bench.folder.join("work/nats");
        empty(&folder)?;
        let mut command = Command::new(program);
        command.args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"]).arg(folder.join("store"));
        let address = |line: &str| {
            let (_, address) = line.split_once("client connections on ")?;
            Some(address.trim().to_owned())
        };
        let log = folder.join("server.log");
        let (process, address) = Process::start(&mut command, log, address)?;
        Ok(Self { _process: process, url: format!("nats://{address}") })
    }

    /// Returns the address for `--fleet`.
    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

/// A worker with its link.
pub(super) struct Worker {
    process: Process,
    /// Dropped after the process that uses it.
    _link: Option<Uplink>,
}

impl Worker {
    /// Starts a worker that is ready for a run.
    pub(super) fn start(
        bench: &Workbench<'_>,
        nats: &Nats,
        name: &str,
        link: Option<(Hosts, u64)>,
    ) -> Result<Self> {
        let folder = bench.folder.join("work/workers").join(name);
        empty(&folder)?;
        let link = link
            .map(|(hosts, rate)| Uplink::start(bench.runtime.handle(), hosts, rate))
            .transpose()?;
        let longshore = bench.longshore();
        let mut command = Command::new(longshore.program);
        clean(&mut command, &folder, link.as_ref());
        command.args(["worker", "--fleet", nats.url(), "--name", name]);
        if let Some(jobs) = longshore.jobs {
            command.args(["-j", &jobs.to_string()]);
        }
        let is_ready = |line: &str| line.contains("waiting for a run").then_some(());
        let (process, ()) = Process::start(&mut command, folder.join("worker.log"), is_ready)?;
        Ok(Self { process, _link: link })
    }

    /// Ends it as an operator does. Returns its CPU time and its peak memory in bytes.
    pub(super) fn end(mut self) -> Result<(Duration, u64)> {
        let id = self.process.child.id();
        let used = (cpu(id), memory(id).peak);
        let pid = Pid::from_raw(id.cast_signed()).context("a process has an ID")?;
        kill_process(pid, Signal::TERM).context("failed to end a worker")?;
        let status = self.process.child.wait().context("failed to wait for a worker")?;
        if !status.success() {
            let log = fs::read_to_string(&self.process.log).unwrap_or_default();
            bail!("a worker ended with {status}:\n{log}");
        }
        Ok(used)
    }
}

/// Gives a command nothing of the environment but a folder and a link.
pub(super) fn clean(command: &mut Command, folder: &Path, link: Option<&Uplink>) {
    command.current_dir(folder).env_clear().env("HOME", folder);
    command.env("LONGSHORE_CACHE_DIR", folder.join("cache"));
    command.envs(link.map(|link| ("HTTP_PROXY", link.url())));
    // The registries speak plain HTTP, which a refused tunnel shows.
    command.envs(link.map(|link| ("HTTPS_PROXY", link.url())));
}
