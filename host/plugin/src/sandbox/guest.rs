//! The store of one call. A guest reaches only the log, its configuration and its endpoints.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::memory::MemoryLimiter;
use super::output::{CallLog, Stdio};
use super::random::Seeded;
use crate::bindings::longshore::plugin::endpoints::{Request, RequestError, Response};
use crate::bindings::longshore::plugin::{config, endpoints, log, types};
use crate::escape::{MAX_SHOWN, shown};
use crate::limits::Limits;
use crate::network::requests::Requests;
use crate::setup::LogLevel;

/// The number of handles (streams, pollables, descriptors) that a guest may hold at once.
const MAX_HANDLES: usize = 1_024;

/// Holds the state of one call.
pub(crate) struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
    pub(crate) memory: MemoryLimiter,
    /// What the plugin says that it works on.
    place: String,
    log: Arc<CallLog>,
    config: Arc<str>,
    pub(crate) requests: Requests,
}

impl Guest {
    /// Returns what the plugin last said that it works on.
    pub(crate) fn place(&self) -> Option<String> {
        (!self.place.is_empty()).then(|| shown(&self.place))
    }
}

/// What one call has of its own.
pub(crate) struct CallContext {
    pub(crate) name: Arc<str>,
    pub(crate) log: Arc<CallLog>,
    pub(crate) config: Arc<str>,
    pub(crate) clock: SystemTime,
    pub(crate) requests: Requests,
    /// Bytes that its memories may have.
    pub(crate) memory: usize,
    /// Bytes that the host copies from the guest at once.
    pub(crate) result: usize,
}

/// Creates the store of one call.
pub(crate) fn store(engine: &Engine, limits: &Limits, context: CallContext) -> Store<Guest> {
    let guest = Guest {
        wasi: inert(&context),
        table: handles(),
        memory: MemoryLimiter::new(limits, context.memory),
        place: String::new(),
        log: context.log,
        config: context.config,
        requests: context.requests,
    };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(context.result);
    store.set_max_component_handles(MAX_HANDLES);
    store.set_epoch_deadline(1);
    // A guest that computes yields at each tick, so that `CallTime` charges it and other tasks run. The ticks
    // themselves are no measure: the system may run other programs meanwhile. The yield is tokio's, because
    // wasmtime's does not let the timers run that end the call.
    store.epoch_deadline_callback(|_| {
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

/// Creates a WASI context without files, sockets, environment or a real clock. Language runtimes
/// import sockets and files even if the author uses none, so that this context is the boundary of the
/// sandbox, and not the list of imports.
fn inert(context: &CallContext) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .arg(&*context.name)
        .stdout(Stdio::new(Arc::clone(&context.log)))
        .stderr(Stdio::new(Arc::clone(&context.log)))
        .secure_random(Seeded::default())
        .insecure_random(Seeded::default())
        .insecure_random_seed(0)
        .max_random_size(64 * 1024)
        .wall_clock(StoppedClock(context.clock))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }));
    builder.build()
}

/// A clock that always shows the start of the run.
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

    fn at(&mut self, mut place: String) {
        // Most places are never shown. What is kept is bounded.
        place.truncate(place.floor_char_boundary(MAX_SHOWN));
        self.place = place;
    }
}

impl config::Host for Guest {
    fn get(&mut self) -> String {
        self.config.as_ref().to_owned()
    }
}

impl endpoints::Host for Guest {
    async fn send(&mut self, endpoint: String, request: Request) -> Result<Response, RequestError> {
        self.requests.send(&endpoint, request).await
    }
}
