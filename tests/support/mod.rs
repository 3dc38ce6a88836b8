//! What the black-box tests share: the binary, registries, other clients, and made-up images.
//!
//! A test reads top-down: start registries, push content, run longshore, ask another client what
//! arrived.
//!
//! ```ignore
//! let source = Registry::embedded();
//! let Some(destination) = Registry::docker().start() else { return };
//! let image = Image::new("linux/amd64").layer(1, 1000).build();
//! source.push("team/app", "1.0", &image);
//! Longshore::new()
//!     .mirror()
//!     .list("team/app team/app 1.0\n")
//!     .source(source.address())
//!     .destination(destination.address())
//!     .run()
//!     .exits(0);
//! assert_eq!(destination.manifest("team/app", "1.0").bytes, image.bytes());
//! ```

mod certificate;
mod docker;
pub(crate) mod harbor;
mod longshore;
mod lying;
mod pair;
mod process;
mod regctl;
mod registry;
pub(crate) mod skip;
mod skopeo;
#[cfg(test)]
mod tests;

pub(crate) use longshore::{Longshore, Run, Running};
pub(crate) use lying::{Answer, Lying, Rule, Seen};
pub(crate) use pair::Pair;
pub(crate) use regctl::Regctl;
pub(crate) use registry::Registry;
pub(crate) use skopeo::Skopeo;
