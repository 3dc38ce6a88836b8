//! Turns the entries of a list into jobs.

mod job;

pub use job::{Job, Outcome, Status};
