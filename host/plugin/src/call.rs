//! Calls of a plugin: a guest for each, and what the plugin may return.

mod guest_call;
pub(crate) mod loaded;
pub(crate) mod plugin;
mod validate;
