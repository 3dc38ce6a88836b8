//! One call: a new store and instance, a deadline, and a result or the reason for its failure.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::Instance;
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use super::loaded::Loaded;
use crate::bindings::exports::longshore::plugin::{
    chart_render, list_format, list_render, repo_type, rewrite,
};
use crate::bindings::longshore::plugin::types::PluginError as WitError;
use crate::error::{Call, Failure, PluginError};
use crate::escape::shown;
use crate::limits::Limits;
use crate::network::requests::Requests;
use crate::sandbox::guest::{CallContext, Guest, store};
use crate::sandbox::meter::{CallTime, OutOfTime};
use crate::sandbox::output::CallLog;
use crate::sandbox::run_use::RunUse;
use crate::sandbox::ticker::TickGuard;

/// An instance for one call.
pub(crate) struct GuestCall<'a> {
    plugin: &'a Loaded,
    call: Call,
    store: Store<Guest>,
    instance: Instance,
    time: CallTime,
    /// Keeps the ticker ticking.
    _tick_guard: TickGuard,
}

/// The result of a guest function, or an error if it took too long.
pub(crate) type Bounded<T> = Result<wasmtime::Result<T>, OutOfTime>;

impl<'a> GuestCall<'a> {
    /// Creates a store and an instance. `registry` is the destination that the call is about.
    pub(crate) async fn start(
        plugin: &'a Loaded,
        call: Call,
        registry: Option<&str>,
    ) -> Result<Self, PluginError> {
        let runtime = &plugin.runtime;
        let limits = &runtime.limits;
        let tick_guard = runtime.ticker.run().map_err(|error| PluginError::Runtime {
            reason: format!("cannot start the ticker thread: {error}"),
        })?;
        let context = CallContext {
            name: Arc::clone(&plugin.name),
            log: Arc::new(CallLog::new(
                Arc::clone(&plugin.name),
                Arc::clone(&plugin.log),
                Arc::clone(&plugin.linked.run),
                limits,
            )),
            config: Arc::clone(&plugin.config),
            clock: runtime.clock,
            requests: Requests::new(
                Arc::clone(&plugin.permissions),
                registry.map(str::to_owned),
                plugin.dry_run,
                limits,
            ),
            memory: call.memory(limits),
            result: call.max_result(limits),
        };
        let mut store = store(&runtime.engine, limits, context);
        let mut time = CallTime {
            deadline: Instant::now() + call.wall(limits),
            cpu: call.cpu(limits),
            // Each chart is a call, and a run may have very many.
            run: match call {
                Call::RenderChart => Arc::new(RunUse::new(limits)),
                _ => Arc::clone(&plugin.linked.run),
            },
        };
        // Instantiation runs code of the guest too.
        let instance = time.spend(plugin.linked.component.instantiate_async(&mut store)).await;
        let failure = match instance {
            Ok(Ok(instance)) => {
                return Ok(Self { plugin, call, store, instance, time, _tick_guard: tick_guard });
            }
            Ok(Err(error)) => failure(&error, &store, call, limits),
            Err(time) => timed_out(time, call, limits),
        };
        Err(failed(plugin, call, store.data().place(), failure))
    }

    pub(crate) fn list_format(&mut self) -> Result<list_format::Guest, PluginError> {
        let indices = self.plugin.linked.exports.list_format.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(crate) fn list_render(&mut self) -> Result<list_render::Guest, PluginError> {
        let indices = self.plugin.linked.exports.list_render.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(crate) fn rewrite(&mut self) -> Result<rewrite::Guest, PluginError> {
        let indices = self.plugin.linked.exports.rewrite.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(crate) fn repo_type(&mut self) -> Result<repo_type::Guest, PluginError> {
        let indices = self.plugin.linked.exports.repo_type.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(crate) fn chart_render(&mut self) -> Result<chart_render::Guest, PluginError> {
        let indices = self.plugin.linked.exports.chart_render.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    fn exported<T>(&self, guest: Option<wasmtime::Result<T>>) -> Result<T, PluginError> {
        let reason = match guest {
            Some(Ok(guest)) => return Ok(guest),
            Some(Err(error)) => shown(&format!("{error:#}")),
            None => format!("a {} plugin does not have this function", self.plugin.kind),
        };
        Err(self.failed(Failure::InvalidResult { reason }))
    }

    /// Allows only requests that change nothing from now on.
    pub(crate) fn forbid_changes(&mut self) {
        self.store.data_mut().requests.forbid_changes();
    }

    /// Returns the store in which functions of the guest run.
    pub(crate) fn store(&mut self) -> &mut Store<Guest> {
        &mut self.store
    }

    /// Returns the time that the call may still take.
    pub(crate) fn time(&self) -> CallTime {
        self.time.clone()
    }

    /// Ends the call of a function that returns a `result` in the contract.
    pub(crate) fn end<T>(self, result: Bounded<Result<T, WitError>>) -> Result<T, PluginError> {
        let call = self.call;
        let plugin = self.plugin;
        let answer = self.store.data().requests.refused();
        // The plugin says itself where it failed.
        self.end_infallible(result)?
            .map_err(|error| failed(plugin, call, None, plugin_failure(error, answer)))
    }

    /// Ends the call of a function that returns no `result` in the contract.
    pub(crate) fn end_infallible<T>(self, result: Bounded<T>) -> Result<T, PluginError> {
        let limits = &self.plugin.runtime.limits;
        let failure = match result {
            Ok(Ok(result)) => return Ok(result),
            Ok(Err(error)) => failure(&error, &self.store, self.call, limits),
            Err(time) => timed_out(time, self.call, limits),
        };
        Err(self.failed(failure))
    }

    fn failed(&self, failure: Failure) -> PluginError {
        failed(self.plugin, self.call, self.store.data().place(), failure)
    }
}

impl Drop for GuestCall<'_> {
    fn drop(&mut self) {
        self.plugin.linked.run.keep_memory(self.store.data().memory.used());
    }
}

fn failed(plugin: &Loaded, call: Call, place: Option<String>, failure: Failure) -> PluginError {
    PluginError::Call { plugin: plugin.name.to_string(), call, place, failure }
}

impl Call {
    fn wall(self, limits: &Limits) -> Duration {
        match self {
            Self::Probe | Self::Parse | Self::Render | Self::Rewrite => limits.wall,
            Self::Describe | Self::Scopes | Self::Prepare | Self::Exchange => limits.hook_wall,
            Self::RenderChart => limits.chart_wall,
        }
    }

    fn cpu(self, limits: &Limits) -> Duration {
        if self == Self::RenderChart { limits.chart_cpu } else { limits.cpu }
    }

    fn memory(self, limits: &Limits) -> usize {
        if self == Self::RenderChart { limits.chart_memory } else { limits.memory }
    }

    /// Returns the bytes that the host copies at once: a result, or the arguments of an import.
    fn max_result(self, limits: &Limits) -> usize {
        match self {
            Self::Probe | Self::Parse | Self::Render => limits.list_result,
            Self::Rewrite => limits.rewrite_result,
            Self::Describe | Self::Scopes | Self::Prepare | Self::Exchange => limits.hook_result,
            Self::RenderChart => limits.chart_result,
        }
    }
}

fn timed_out(time: OutOfTime, call: Call, limits: &Limits) -> Failure {
    match time {
        OutOfTime::Wall => Failure::WallTime { limit: call.wall(limits) },
        OutOfTime::Cpu => Failure::CpuTime { limit: call.cpu(limits) },
        OutOfTime::RunCpu => Failure::RunCpuTime { limit: limits.run_cpu },
    }
}

/// Converts an error that the plugin returned. `answer` is the last answer that it got, if that is an error.
fn plugin_failure(error: WitError, answer: Option<String>) -> Failure {
    match error {
        WitError::InvalidConfig(message) => Failure::InvalidConfig { message: shown(&message) },
        WitError::Unauthorized(message) => Failure::Unauthorized { message: shown(&message) },
        WitError::Transient(seconds) => Failure::Transient {
            retry_after: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            answer,
        },
        WitError::Other(coded) => {
            Failure::Coded { code: shown(&coded.code), message: shown(&coded.message) }
        }
    }
}

/// Returns why a guest stopped. Checks first whether the host stopped it, because the trap that follows
/// does not name the cause.
fn failure(error: &wasmtime::Error, store: &Store<Guest>, call: Call, limits: &Limits) -> Failure {
    let guest = store.data();
    if exceeded_result_limit(error) {
        return Failure::ResultTooLarge {
            reason: format!("the host copies at most {} bytes at once", call.max_result(limits)),
        };
    }
    // Without memory, some guests trap and others exit, such as those in Go.
    if guest.memory.refused() {
        return Failure::OutOfMemory { limit: call.memory(limits) };
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Failure::Exited { status: exit.0 };
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => {
            let trap = trap.to_string();
            let reason = trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned();
            Failure::Trapped { reason }
        }
        None => Failure::InvalidResult { reason: shown(&error.root_cause().to_string()) },
    }
}

/// Returns whether the host refused to copy too many bytes from the guest. wasmtime hides the type of
/// this error, so that only its text tells. A test fails if the text changes.
fn exceeded_result_limit(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}
