//! Authentication: challenges, tokens, and the state of each credential.

pub(crate) mod account;
pub(crate) mod authorization;
pub(crate) mod aws;
pub(crate) mod challenge;
mod claims;
pub(crate) mod exchange;
mod guest;
pub(crate) mod header;
mod homes;
pub(crate) mod login;
pub(crate) mod mistimed;
pub(crate) mod renewal;
pub(crate) mod service;
pub(crate) mod sigv4;
pub(crate) mod token;
mod token_answer;
mod token_cost;
pub(crate) mod tried;
