//! The coordinator of a run: publishes its jobs, follows their outcomes, and deletes everything at the end.

mod begin;
mod follow;
mod open;
mod outcomes;
mod publish;
mod streams;
mod sweep;
mod watch;

pub use begin::{Run, RunSetup};
