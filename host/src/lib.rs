//! longshore mirrors container images, Helm charts and other OCI artifacts between registries.
//!
//! The rooms and the arrows between them are described in ARCHITECTURE.md.

pub mod cache;
pub mod cli;
pub mod convert;
pub mod error;
pub mod list;
pub mod oci;
pub mod plan;
pub mod plugin;
pub mod prepare;
pub mod registry;
pub mod report;
pub mod serve;
pub mod settings;
pub mod transfer;
pub mod validate;

pub use cli::run;
