//! In-flight limits: AIMD windows, permits, and pauses while a registry throttles.

pub(crate) mod pause;
pub(crate) mod permit;
pub(crate) mod rate;
pub(crate) mod throttle;
pub(crate) mod token_services;
pub(crate) mod window;
