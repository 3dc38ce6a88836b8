//! Charts as OCI artifacts, as `helm push` writes them.

mod manifest;
mod store;

pub use manifest::ChartArtifact;
pub use store::ChartStore;
