//! Folders of OCI image layouts: a store for the engine, and the registry that serves them.
//!
//! Each repository is one OCI image layout in the folder, so that other tools read it too. `folder` reads
//! and writes the layouts. [`LayoutStore`] shows them to the engine, and [`serve()`] to clients
//! over HTTP. Both use `folder`, and neither uses the other.

mod folder;
mod serve;
mod store;

pub use serve::{ACCESS_LOG, ServeError, ServeOptions, TlsError, TlsFiles, serve};
pub use store::LayoutStore;
