//! Opens what commands work with: stores, caches, list formats, and the signals that interrupt them.

mod caches;
mod environment;
mod fleet;
mod formats;
mod interrupt;
pub(crate) mod listener;
mod renderer;
mod stores;

pub(crate) use caches::{
    Caches, components, host_of, kept_archives, kept_renderings, lock_file, plugin_host,
};
pub(crate) use environment::{
    check_named_file, credential_sources, destination_of_environment, variable,
};
pub(crate) use fleet::{OwnStores, connect, machine};
pub(crate) use formats::{Formats, LogOfPlugins, log_remark};
pub(crate) use interrupt::{Hangup, listen};
pub(crate) use renderer::load_renderer;
pub(crate) use stores::{OpenStores, RegistrySettings, StoreSetup};
