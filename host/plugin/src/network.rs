//! The network of a plugin: which requests it may send, and where they go.

pub(crate) mod exchange;
pub(crate) mod grant;
pub(crate) mod origin;
pub(crate) mod permissions;
pub(crate) mod requests;
mod template;
pub(crate) mod transport;
