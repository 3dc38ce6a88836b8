//! The WebAssembly engine: which features it has, and what is linked to every plugin.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel};

use super::bindings::longshore::plugin;
use super::guest::Guest;

/// An engine for components that are interrupted by ticks.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Backtraces into guests are never shown; without these tables compiled code is smaller
        // and is mapped faster.
        .native_unwind_info(false)
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false);
    Engine::new(&config)
}

/// Links all of WASI 0.2, which leads to an inert context, and the interfaces of longshore.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    plugin::types::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::config::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::endpoints::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}
