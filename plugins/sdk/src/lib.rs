//! What the authors of longshore plugins share: the types of the contract as plain Rust, lines of a
//! list with their places, and references cut into their parts.
//!
//! A plugin is plain functions over these types, tested natively, and one line that makes a component
//! of them: `export_list_format!` or `export_rewrite!`; `export_list_render!` beside the first lets
//! a format be written, too. Nothing here decides whether a reference
//! is valid; the host parses every one that a plugin returns.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
pub mod diagnostic;
pub mod line;
pub mod list;
pub mod reference;
pub mod rewrite;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "yaml")]
pub mod yaml;
