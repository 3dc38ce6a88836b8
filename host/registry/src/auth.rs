//! Authentication: challenges, tokens, and the state of each credential.

pub(crate) mod account;
pub(crate) mod authorization;
pub(crate) mod challenge;
pub(crate) mod token;
