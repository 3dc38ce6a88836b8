//! State that all calls of all plugins share.

use std::time::SystemTime;

use wasmtime::Engine;

use super::ticker::Ticker;
use crate::limits::Limits;

/// Holds the engine, its ticker and the limits of a run.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) ticker: Ticker,
    pub(crate) limits: Limits,
    /// The time of day that plugins see: the start of the run.
    pub(crate) clock: SystemTime,
}
