//! How much is asked of a registry at once: windows, permits and pauses.

pub(crate) mod pause;
pub(crate) mod permit;
pub(crate) mod throttle;
pub(crate) mod token_services;
pub(crate) mod window;
