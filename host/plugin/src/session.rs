//! One call from its fresh store to its answer, with its deadline, and why it ended early.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wasmtime::component::Instance;
use wasmtime::{Store, Trap};
use wasmtime_wasi::I32Exit;

use super::bindings::exports::longshore::plugin::{list_format, list_render, repo_type, rewrite};
use super::bindings::longshore::plugin::types::PluginError as WitError;
use super::error::{Call, Failure, PluginError};
use super::escape::shown;
use super::guest::{Guest, Surroundings, store};
use super::limits::Limits;
use super::loaded::Loaded;
use super::output::CallLog;
use super::requests::Requests;
use super::ticker::Running;

/// An instance that answers one call.
pub(super) struct Session<'a> {
    plugin: &'a Loaded,
    call: Call,
    store: Store<Guest>,
    instance: Instance,
    deadline: Instant,
    /// The clock ticks as long as this is held.
    _running: Running,
}

/// An answer, or none in time.
pub(super) type Bounded<T> = Result<wasmtime::Result<T>, tokio::time::error::Elapsed>;

impl<'a> Session<'a> {
    /// Makes a store and an instance. `registry` is the destination that the call is about.
    pub(super) async fn start(
        plugin: &'a Loaded,
        call: Call,
        registry: Option<&str>,
    ) -> Result<Self, PluginError> {
        let runtime = &plugin.runtime;
        let limits = &runtime.limits;
        let running = runtime.ticker.run().map_err(|error| PluginError::Runtime {
            reason: format!("its clock does not start: {error}"),
        })?;
        let surroundings = Surroundings {
            name: Arc::clone(&plugin.name),
            log: Arc::new(CallLog::new(Arc::clone(&plugin.name), Arc::clone(&plugin.log), limits)),
            config: Arc::clone(&plugin.config),
            clock: runtime.clock,
            requests: Requests::new(
                Arc::clone(&plugin.access),
                registry.map(str::to_owned),
                plugin.dry_run,
                limits,
            ),
            answer: call.answer(limits),
        };
        let mut store = store(&runtime.engine, limits, surroundings);
        let deadline = Instant::now() + call.wall(limits);
        // Instantiating runs code of the guest as well.
        let instance =
            timeout_at(deadline, plugin.linked.component.instantiate_async(&mut store)).await;
        let failure = match instance {
            Ok(Ok(instance)) => {
                return Ok(Self { plugin, call, store, instance, deadline, _running: running });
            }
            Ok(Err(error)) => failure(&error, &store, call, limits),
            Err(_) => timed_out(call, limits),
        };
        Err(failed(plugin, call, failure))
    }

    pub(super) fn list_format(&mut self) -> Result<list_format::Guest, PluginError> {
        let indices = self.plugin.linked.exports.list_format.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(super) fn list_render(&mut self) -> Result<list_render::Guest, PluginError> {
        let indices = self.plugin.linked.exports.list_render.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(super) fn rewrite(&mut self) -> Result<rewrite::Guest, PluginError> {
        let indices = self.plugin.linked.exports.rewrite.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    pub(super) fn repo_type(&mut self) -> Result<repo_type::Guest, PluginError> {
        let indices = self.plugin.linked.exports.repo_type.as_ref();
        let guest = indices.map(|indices| indices.load(&mut self.store, &self.instance));
        self.exported(guest)
    }

    fn exported<T>(&self, guest: Option<wasmtime::Result<T>>) -> Result<T, PluginError> {
        let reason = match guest {
            Some(Ok(guest)) => return Ok(guest),
            Some(Err(error)) => shown(&format!("{error:#}")),
            None => format!("it is a {} plugin and cannot do this", self.plugin.kind),
        };
        Err(self.failed(Failure::BadAnswer { reason }))
    }

    /// Lets nothing through from here on that changes something.
    pub(super) fn forbid_changes(&mut self) {
        self.store.data_mut().requests.forbid_changes();
    }

    /// Where functions of the guest run.
    pub(super) fn store(&mut self) -> &mut Store<Guest> {
        &mut self.store
    }

    /// Until when they may.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The answer of a function that can itself say what failed.
    pub(super) fn end<T>(self, answer: Bounded<Result<T, WitError>>) -> Result<T, PluginError> {
        let call = self.call;
        let plugin = self.plugin;
        self.end_plainly(answer)?.map_err(|error| failed(plugin, call, said(error)))
    }

    /// The answer of a function that only answers.
    pub(super) fn end_plainly<T>(self, answer: Bounded<T>) -> Result<T, PluginError> {
        let limits = &self.plugin.runtime.limits;
        let failure = match answer {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => failure(&error, &self.store, self.call, limits),
            Err(_) => timed_out(self.call, limits),
        };
        Err(self.failed(failure))
    }

    fn failed(&self, failure: Failure) -> PluginError {
        failed(self.plugin, self.call, failure)
    }
}

fn failed(plugin: &Loaded, call: Call, failure: Failure) -> PluginError {
    PluginError::Call { plugin: plugin.name.to_string(), call, failure }
}

impl Call {
    fn wall(self, limits: &Limits) -> Duration {
        match self {
            Self::Probe | Self::Parse | Self::Render | Self::Rewrite => limits.wall,
            Self::Describe | Self::Scopes | Self::Prepare => limits.wall_of_hooks,
        }
    }

    /// Bytes that the host takes at once, an answer or the arguments of an import.
    fn answer(self, limits: &Limits) -> usize {
        match self {
            Self::Probe | Self::Parse | Self::Render => limits.answer_of_lists,
            Self::Rewrite => limits.answer_of_rewrites,
            Self::Describe | Self::Scopes | Self::Prepare => limits.answer_of_hooks,
        }
    }
}

fn timed_out(call: Call, limits: &Limits) -> Failure {
    Failure::WallTime { limit: call.wall(limits) }
}

/// What a plugin's own words mean.
fn said(error: WitError) -> Failure {
    match error {
        WitError::InvalidConfig(message) => Failure::InvalidConfig { message: shown(&message) },
        WitError::Unauthorized(message) => Failure::Unauthorized { message: shown(&message) },
        WitError::Transient(seconds) => Failure::Transient {
            retry_after: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        },
        WitError::Other(coded) => {
            Failure::Coded { code: shown(&coded.code), message: shown(&coded.message) }
        }
    }
}

/// Why a guest did not come to its end. What the host stopped it for is looked at first: the trap
/// that follows says little.
fn failure(error: &wasmtime::Error, store: &Store<Guest>, call: Call, limits: &Limits) -> Failure {
    let guest = store.data();
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return Failure::Exited { status: exit.0 };
    }
    if guest.out_of_cpu_time() {
        return Failure::CpuTime { limit: limits.cpu };
    }
    if took_too_much(error) {
        return Failure::AnsweredTooMuch {
            reason: format!("the host takes at most {} bytes at once", call.answer(limits)),
        };
    }
    if guest.memory.refused() {
        return Failure::OutOfMemory { limit: limits.memory };
    }
    match error.downcast_ref::<Trap>() {
        Some(trap) => {
            let trap = trap.to_string();
            let reason = trap.strip_prefix("wasm trap: ").unwrap_or(&trap).to_owned();
            Failure::Trapped { reason }
        }
        None => Failure::BadAnswer { reason: shown(&error.root_cause().to_string()) },
    }
}

/// Whether the host refused to copy so much out of the guest. wasmtime keeps the error's type to
/// itself, so that its words must do; a test fails when they change.
fn took_too_much(error: &wasmtime::Error) -> bool {
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}
