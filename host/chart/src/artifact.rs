//! Charts as OCI artifacts, as `helm push` writes them.

mod manifest;
mod store;

pub use manifest::{CONFIG, CONTENT, ChartArtifact, LEGACY_CONTENT, PROVENANCE};
pub use store::ChartStore;
