//! Copies jobs from source to destination.
//!
//! Children are pushed before parents, and the tag last. Every blob is hashed while it streams, and
//! content at the destination is not sent again. Workers send events and print nothing.

mod admission;
mod blob;
mod body_budget;
mod children;
mod dry_run;
mod image;
mod known_content;
mod options;
mod preview_referrers;
mod push;
mod referrers;
mod run;
mod same_chart;
mod shared_homes;
mod single_flight;
mod work;

pub use options::CopyOptions;
pub use run::{Copier, run};
pub use shared_homes::{HomeClaim, SharedHome, SharedHomes};
