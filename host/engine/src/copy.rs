//! Copies jobs from source to destination.
//!
//! Children land before parents and the tag comes last; every blob is hashed while it streams; content
//! that the destination has is not sent again. Workers send events and print nothing.

mod admission;
mod blob;
mod body_budget;
mod children;
mod dry_run;
mod image;
mod known_content;
mod options;
mod push;
mod referrers;
mod run;
mod single_flight;
mod work;

pub use options::CopyOptions;
pub use run::run;
