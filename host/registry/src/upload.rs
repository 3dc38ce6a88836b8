//! Uploads one blob into a repository.
//!
//! The blob is mounted where another repository has it. Otherwise it is uploaded, with a fallback
//! for each way in which networks and registries break an upload.

pub(crate) mod attempt_error;
pub(crate) mod attempts;
pub(crate) mod body;
pub(crate) mod chunk;
pub(crate) mod mount;
pub(crate) mod place;
pub(crate) mod self_mount;
pub(crate) mod send;
pub(crate) mod session;
pub(crate) mod stall;
