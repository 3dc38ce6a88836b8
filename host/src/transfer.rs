//! Copies jobs from source to destination.
//!
//! Children land before parents and the tag comes last; every blob is hashed while it streams; what
//! the destination has is not sent again. Workers send [`Event`]s and print nothing.

mod ahead;
mod attempts;
mod blob;
mod body;
mod configuration;
mod copy;
mod dry_run;
mod error;
mod event;
mod fetch;
mod hint;
mod hint_cache;
mod hint_file;
mod known;
mod manifest_cache;
mod memo;
mod place;
mod placement;
mod pool;
mod push;
mod referrals;
mod referrers;
mod run;
mod seat;
mod shape;
mod slot;
mod upload;

pub use configuration::{ConfigurationSource, Configurations};
pub use error::TransferError;
pub use event::{Event, EventSender, Level, Transferred};
pub use hint_cache::HintCache;
pub use manifest_cache::ManifestCache;
pub use memo::Memo;
pub use pool::Interrupt;
pub(crate) use pool::{each, seats};
pub use run::{TransferOptions, run};
pub use shape::{IndexMode, Shape, Shaped, is_same, may_stand, nothing_selected, shape};
