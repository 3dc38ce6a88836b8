//! The exit code of a run.

use longshore_store::Interrupt;

use crate::error::Exit;
use crate::report::Report;

/// Returns the exit code for a report.
pub(super) fn exit_of(report: &Report, interrupt: &Interrupt) -> Exit {
    match (interrupt.is_raised(), report.has_failures()) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::SomeFailed,
        (false, false) => Exit::Done,
    }
}
