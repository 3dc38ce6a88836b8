//! Finds the images in what a chart renders.
//!
//! `longshore-plugin-images` has the rules. This room reads the documents of each template, says what
//! is taken and where it stands, and adds what only the chart knows: the images of components that the
//! values switch off, and the images that its annotations name.

mod collected;
mod discovery;
mod documents;
mod hints;
mod image;
mod rendering;
mod switched_off;

pub use discovery::{BrokenTemplate, Discovery, discover};
pub use image::{Confidence, Image, Provenance, Remark, RemarkKind};
pub use longshore_plugin_images::Rule;
pub use rendering::Rendering;

#[cfg(test)]
mod tests;
