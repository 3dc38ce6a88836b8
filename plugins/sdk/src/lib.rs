//! What the authors of longshore plugins use: the types of the contract, a trait and a macro for each
//! kind of plugin, and parsers for lists, references and YAML.
//!
//! | kind | trait | macro |
//! |---|---|---|
//! | `list-format` | [`list::ListFormat`] | [`export_list_format!`] |
//! | writes it too | [`list::ListRender`] | [`export_list_render!`] |
//! | `rewrite` | [`rewrite::Rewrite`] | [`export_rewrite!`] |
//! | `repo-type` | [`repo_type::RepoType`] | [`export_repo_type!`] |
//! | `chart-render` | [`chart::ChartRender`] | [`export_chart_render!`] |
//!
//! The types are made from `wit/plugin.wit` by wit-bindgen. Everything works natively too: the macros
//! export on wasm32 only, and [`mock`] stands in for the host, so that `cargo test` needs no WebAssembly.
//! This crate does not validate references: the host parses every reference that a plugin returns.

#[doc(hidden)]
pub mod bindings;
pub mod chart;
#[cfg(feature = "credentials")]
pub mod credential;
pub mod diagnostic;
#[doc(hidden)]
pub mod export;
pub mod host;
pub mod line;
pub mod list;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
pub mod reference;
pub mod repo_type;
pub mod rewrite;
#[cfg(feature = "yaml")]
pub mod scalar;
pub mod shape;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "variables")]
pub mod variables;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use bindings::imports::types::{Attribute, Coded, PluginError};

impl Attribute {
    /// Creates an attribute, a parameter or a header.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

impl PluginError {
    /// Creates a failure with a code in `kebab-case`.
    #[must_use]
    pub fn other(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Other(Coded { code: code.into(), message: message.into() })
    }
}
