//! Shared code for longshore plugins: the types of the plugin interface as plain Rust, list lines
//! with their positions, and parsers for references and YAML.
//!
//! A plugin consists of plain functions over these types, with native tests. One macro call makes
//! it a component: `export_list_format!` or `export_rewrite!`. With `export_list_render!`, a list
//! format can also be written. This crate does not validate references: the host parses every
//! reference that a plugin returns.

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod component;
pub mod diagnostic;
pub mod line;
pub mod list;
pub mod reference;
pub mod rewrite;
#[cfg(feature = "yaml")]
pub mod scalar;
pub mod shape;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "yaml")]
pub mod yaml;
