//! Connects the types of this crate to the component model. The export macros expand to this code.
//!
//! It is built for wasm32 only. All uses of wit-bindgen for these kinds of built-in plugins are
//! here.

pub mod list_format;
pub mod list_render;
pub mod rewrite;
