//! The macros that make a crate a component, and the code that they expand to.

pub mod chart_render;
pub mod list_format;
pub mod list_render;
pub mod repo_type;
pub mod rewrite;
