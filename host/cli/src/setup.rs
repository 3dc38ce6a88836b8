//! Opens what commands work with: stores, caches, list formats, and the signals that interrupt them.

mod caches;
mod environment;
mod formats;
mod interrupt;
#[expect(dead_code, reason = "no command renders charts yet; mirror-charts will")]
mod renderer;
mod stores;

pub(crate) use caches::{Caches, plugin_host};
pub(crate) use environment::{credential_sources, destination_of_environment, variable};
pub(crate) use formats::{Formats, LogOfPlugins, log_remark};
pub(crate) use interrupt::listen;
pub(crate) use stores::{OpenStores, RegistrySettings, StoreSetup};
