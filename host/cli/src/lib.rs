//! longshore mirrors container images, Helm charts and other OCI artifacts between registries.
//!
//! The crates, their rooms and the arrows between them are described in ARCHITECTURE.md.

mod cli;
mod convert;
mod error;
mod list;
mod prepare;
mod report;
mod settings;

pub use cli::run;
