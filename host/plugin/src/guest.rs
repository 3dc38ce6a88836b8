//! The inside of one call: a fresh store whose only ways out are the log and the endpoints.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{Deterministic, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::bindings::longshore::plugin::{config, log, types};
use super::limits::{Limits, MemoryLimiter};
use super::output::{CallLog, Stdio};
use super::requests::Requests;
use super::setup::LogLevel;
use super::ticker::TICK;

/// Handles that a guest may hold at once: streams, pollables, descriptors.
const MAX_HANDLES: usize = 1_024;

/// What the host keeps for one call.
pub(super) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(super) memory: MemoryLimiter,
    /// Ticks that the call may still use; none when it was stopped for that.
    ticks: u128,
    log: Arc<CallLog>,
    config: Arc<str>,
    pub(super) requests: Requests,
}

impl Guest {
    pub(super) fn out_of_cpu_time(&self) -> bool {
        self.ticks == 0
    }
}

/// What a call gets.
pub(super) struct Surroundings {
    pub(super) name: Arc<str>,
    pub(super) log: Arc<CallLog>,
    pub(super) config: Arc<str>,
    pub(super) clock: SystemTime,
    pub(super) requests: Requests,
    /// Bytes that the host may take from the guest at once.
    pub(super) answer: usize,
}

/// A store for one call.
pub(super) fn store(engine: &Engine, limits: &Limits, surroundings: Surroundings) -> Store<Guest> {
    let guest = Guest {
        wasi: inert(&surroundings),
        table: handles(),
        memory: MemoryLimiter::new(limits),
        ticks: (limits.cpu.as_nanos() / TICK.as_nanos()).max(1),
        log: surroundings.log,
        config: surroundings.config,
        requests: surroundings.requests,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(surroundings.answer);
    store.set_max_component_handles(MAX_HANDLES);
    store.set_epoch_deadline(1);
    // A plain deadline would charge the time spent waiting on the host as well. Here a call pays one
    // tick whenever it is found computing at one, and lets other tasks run; tokio's own yield, not
    // wasmtime's, also lets the timers run that end the call.
    store.epoch_deadline_callback(|mut store| {
        let guest = store.data_mut();
        guest.ticks = guest.ticks.saturating_sub(1);
        if guest.ticks == 0 {
            return Ok(UpdateDeadline::Interrupt);
        }
        let yielded = Box::pin(tokio::task::yield_now());
        Ok(UpdateDeadline::YieldCustom(1, yielded))
    });
    store
}

fn handles() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_HANDLES);
    table
}

/// All of WASI, with nothing behind it. Runtimes of other languages import sockets and files
/// whatever the author wrote, so that this context is the boundary, and not the list of imports.
fn inert(surroundings: &Surroundings) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .arg(&*surroundings.name)
        .stdout(Stdio::new(Arc::clone(&surroundings.log)))
        .stderr(Stdio::new(Arc::clone(&surroundings.log)))
        .secure_random(Deterministic::new(RANDOM.clone()))
        .insecure_random(Deterministic::new(RANDOM.clone()))
        .insecure_random_seed(0)
        .max_random_size(64 * 1024)
        .wall_clock(StoppedClock(surroundings.clock))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    builder.build()
}

/// The same bytes in every run, so that a plan repeats; enough of them that no guest which draws
/// again when it dislikes a number draws the same few for ever.
static RANDOM: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..128_u32).flat_map(|block| Sha256::digest(block.to_le_bytes())).collect());

struct StoppedClock(SystemTime);

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn emit(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warning => LogLevel::Warning,
            log::Level::Error => LogLevel::Error,
        };
        self.log.line(level, &message);
    }
}

impl config::Host for Guest {
    fn get(&mut self) -> String {
        self.config.as_ref().to_owned()
    }
}
