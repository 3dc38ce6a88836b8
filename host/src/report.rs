//! Turns events into progress, log lines, reports, the failed list and the exit code.
