//! Shared code of the black-box tests: the binary, registries, other clients and synthetic images.
//!
//! A test reads top-down: start registries, push content, run longshore, and check the destination
//! with another client.
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

pub(crate) mod browser;
mod certificate;
mod docker;
mod fault_proxy;
pub(crate) mod harbor;
pub(crate) mod imports;
mod longshore;
pub(crate) mod moto;
mod nats;
mod pair;
mod process;
pub(crate) mod products;
mod regctl;
mod registry;
pub(crate) mod skip;
mod skopeo;
mod store;
#[cfg(test)]
mod tests;
mod tls_front;

pub(crate) use certificate::Tls;
pub(crate) use fault_proxy::{Answer, FaultProxy, Rule, Seen};
pub(crate) use longshore::{Longshore, Run, Running, share_compiled, shared_cache};
pub(crate) use nats::Nats;
pub(crate) use pair::Pair;
pub(crate) use process::Process;
pub(crate) use regctl::Regctl;
pub(crate) use registry::Registry;
pub(crate) use skopeo::Skopeo;
pub(crate) use store::{Kind, Store, Stores};
pub(crate) use tls_front::TlsFront;
