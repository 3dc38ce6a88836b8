//! longshore mirrors container images, Helm charts and other OCI artifacts between registries.
//!
//! The crates, their rooms and the arrows between them are described in ARCHITECTURE.md.

mod cli;
mod commands;
mod convert;
mod error;
mod flags;
mod list;
mod plugins;
mod prepare;
mod report;
mod settings;
mod setup;

pub use cli::run;
