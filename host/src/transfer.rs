//! Copies jobs from source to destination.

mod event;

pub use event::{Event, EventSender, Level, Transferred};
