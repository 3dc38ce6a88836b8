//! What help, manual pages and completions show beyond the flags.

mod closing;
mod offered;

pub(crate) use closing::Closing;
pub(crate) use offered::endings;
pub(super) use offered::{with_offer, with_plugins};
