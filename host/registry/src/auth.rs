//! Authentication: challenges, tokens, and what a registry thinks of a credential.

pub(crate) mod account;
pub(crate) mod authorization;
pub(crate) mod challenge;
pub(crate) mod token;
