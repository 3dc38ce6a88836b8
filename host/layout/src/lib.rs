//! Folders of OCI image layouts: a store behind the engine's seam, and the registry that serves them.
//!
//! Each repository is one OCI image layout in the folder, so that other tools read it too. The rooms:
//! `folder` reads and writes the layouts, [`LayoutStore`] hands them to the engine, and [`serve`] to
//! clients over HTTP. The latter two know `folder` and not each other.

mod folder;
mod serve;
mod store;

pub use serve::{ACCESS_LOG, ServeError, ServeOptions, serve};
pub use store::LayoutStore;
