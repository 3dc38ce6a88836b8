//! Bringing one blob into a repository: a mount where another repository has it, else an upload that goes
//! on through whatever networks and registries do to it.

pub(crate) mod attempt_error;
pub(crate) mod attempts;
pub(crate) mod body;
pub(crate) mod chunk;
pub(crate) mod mount;
pub(crate) mod place;
pub(crate) mod self_mount;
pub(crate) mod send;
pub(crate) mod session;
