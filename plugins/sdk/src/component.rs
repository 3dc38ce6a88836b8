//! The adapter between the crate's types and the component model's: what the export macros expand to.
//!
//! It exists for wasm32 only, and is the one place where built-in plugins of these kinds meet
//! wit-bindgen.

pub mod list_format;
pub mod list_render;
pub mod rewrite;
