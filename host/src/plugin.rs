//! The plugin host, the only room that knows wasmtime.
