//! What help, manual pages and completions show beyond the flags, and the commands that write them.

mod closing;
mod completions;
mod man;
mod offered;

pub(crate) use closing::Closing;
pub(crate) use completions::Completions;
pub(crate) use man::Man;
pub(crate) use offered::endings;
pub(super) use offered::{with_offer, with_plugins};
