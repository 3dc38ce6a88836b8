//! The sandbox: the WebAssembly engine, and what a guest gets of the host.

pub(crate) mod engine;
pub(crate) mod exports;
pub(crate) mod guest;
mod memory;
pub(crate) mod meter;
pub(crate) mod output;
mod random;
pub(crate) mod run_use;
pub(crate) mod runtime;
pub(crate) mod ticker;
