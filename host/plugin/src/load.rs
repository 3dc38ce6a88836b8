//! Loading a plugin: find its component, check and compile it, and check its configuration.

mod cache;
mod code;
pub(crate) mod compile;
pub(crate) mod config;
pub(crate) mod embedded;
pub(crate) mod host;
pub(crate) mod info;
pub(crate) mod installed;
mod source;
