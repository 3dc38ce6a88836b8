//! The WebAssembly engine: its features, and the interfaces that it links to every plugin.

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Config, Engine, OptLevel};

use super::guest::Guest;
use crate::bindings::longshore::plugin;

/// Bytes of stack that a guest may use.
const STACK: usize = 32 * 1024 * 1024;

/// Creates an engine that runs compiled guests, which the ticker interrupts. It cannot compile: most runs
/// find the code of all their plugins in the cache, and the compiler takes memory as soon as it is set up.
pub(crate) fn engine() -> wasmtime::Result<Engine> {
    Engine::new(&config(false))
}

/// Creates an engine that compiles guests for [`engine`].
pub(crate) fn compiler() -> wasmtime::Result<Engine> {
    Engine::new(config(true).cranelift_opt_level(OptLevel::Speed))
}

/// The settings, which must be the same for compiling and running.
fn config(compiles: bool) -> Config {
    let mut config = Config::new();
    config
        .enable_compiler(compiles)
        .epoch_interruption(true)
        // Helm lets templates include each other a thousand levels deep. Only used pages take memory.
        .max_wasm_stack(STACK)
        .async_stack_size(STACK + 2 * 1024 * 1024)
        // Nothing shows backtraces into guests. Without these tables compiled code is smaller and
        // faster to map.
        .native_unwind_info(false)
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false);
    config
}

/// Links the interfaces of longshore, and all of WASI 0.2, which a guest gets in an inert context.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    plugin::types::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::log::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::config::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    plugin::endpoints::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}
