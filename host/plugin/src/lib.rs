//! The plugin host, the only room that knows wasmtime.
//!
//! A plugin is a WebAssembly component behind the contract in `wit/`. [`PluginHost::load`] finds,
//! checks and compiles one; each call of a [`Plugin`] then runs in a store of its own, whose only
//! ways out are the log and the requests that were granted. Nothing of wasmtime leaves this room.

mod access;
mod answer;
mod bindings;
mod cache;
mod config;
pub mod contract;
pub mod embedded;
mod endpoint;
mod engine;
mod error;
pub mod escape;
mod exports;
mod grant;
mod guest;
mod host;
mod limits;
mod loaded;
mod origin;
mod output;
mod requests;
mod session;
mod setup;
mod source;
mod ticker;

#[cfg(test)]
mod tests;

pub use config::ConfigError;
pub use endpoint::{EndpointTransport, IncomingResponse, Method, OutgoingRequest, TransportError};
pub use error::{Call, Failure, LoadProblem, PluginError};
pub use grant::GrantError;
pub use host::{HostOptions, PluginHost};
pub use limits::Limits;
pub use loaded::Plugin;
pub use longshore_plugin_pack::{Auth, Endpoint, Kind, ListFacts, Metadata};
pub use setup::{LogLevel, PluginLog, PluginSetup};
