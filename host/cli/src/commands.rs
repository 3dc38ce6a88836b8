//! The commands of the program; each runs with resolved settings and returns its exit code.

pub(crate) mod completions;
pub(crate) mod convert;
pub(crate) mod copy;
pub(crate) mod inspect;
mod layout_tag;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod mirror;
pub(crate) mod mirror_charts;
pub(crate) mod plugin;
pub(crate) mod serve;
pub(crate) mod worker;
