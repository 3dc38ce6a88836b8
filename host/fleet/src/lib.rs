//! Shares the jobs of a run among machines: an executor beside the local one, with the same jobs in and the
//! same events out.
//!
//! The queue is a stream of NATS JetStream. The *coordinator* plans and reports; it publishes batches of
//! jobs and follows their outcomes ([`Run`]). Any number of *workers* take batches ([`Worker`]).
//! `docs/fleet.md` has the protocol as an operator sees it.

mod bucket;
mod connection;
mod coordinator;
mod error;
mod lease;
mod message;
mod name;
mod places;
mod refusals;
mod worker;

pub use connection::{Connection, ServerOptions, UserCredentials};
pub use coordinator::{Run, RunSetup};
pub use error::FleetError;
pub use message::{Pause, RunOptions, Task};
pub use name::RunName;
pub use worker::{Metrics, OpenedRun, RunOpener, Worker, WorkerOptions};
