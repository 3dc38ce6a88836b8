//! Helm charts: their archives and sources, how they are rendered, and the images in what they render.
//!
//! A chart becomes jobs in three steps. The host unpacks and checks its archive. A [`Renderer`] turns
//! the files and values into manifests. [`images`] finds the images in the manifests, by the same rules
//! for every renderer.

pub mod archive;
pub mod artifact;
pub mod config;
mod effective;
pub mod images;
pub mod overlay;
mod render;
mod rendered;
pub mod source;

pub use render::{HelmProgram, KeptRenderings, RenderError, RenderFault, RenderInput, Renderer};
pub use rendered::Rendered;
