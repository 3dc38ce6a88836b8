//! The plugin host: the only crate that uses wasmtime.
//!
//! A plugin is a WebAssembly component for the contract in `wit/`. [`PluginHost::load`] finds, checks
//! and compiles one. Each call of a [`Plugin`] runs in a store of its own, from which it reaches only
//! the log and the requests that its grants cover. No type of wasmtime leaves this crate.

mod bindings;
mod call;
pub mod contract;
mod error;
pub mod escape;
mod limits;
mod load;
mod network;
mod sandbox;
mod setup;

#[cfg(test)]
mod tests;

pub use call::plugin::Plugin;
pub use error::{Call, Failure, LoadProblem, PluginError};
pub use limits::Limits;
pub use load::compile::{Compiler, compile_if_asked};
pub use load::config::ConfigError;
pub use load::embedded::Embedded;
pub use load::host::{HostOptions, PluginHost, REGISTRY_REWRITE};
pub use load::info::ComponentInfo;
pub use load::installed::{FLAG_WORDS, InstalledPlugin, inspect};
pub use longshore_plugin_pack::{
    Auth, Endpoint, Kind, ListFacts, Metadata, PackError, append as append_metadata,
    is_name as is_plugin_name,
};
pub use network::exchange::{Ends, ExchangeError, Exchanged};
pub use network::grant::{GrantError, NO_GRANT, check_grant, ungranted};
pub use network::permissions::{PlainHttp, PlainSetting};
pub use network::transport::{
    EndpointTransport, IncomingResponse, Method, OutgoingRequest, TransportError,
};
pub use setup::{CompileNotice, LogLevel, PluginLog, PluginSetup};
