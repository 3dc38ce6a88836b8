//! Listens for SIGINT, SIGTERM and SIGHUP: the first signal stops the run in order, the second one ends
//! the process. With `--every`, SIGHUP has another meaning.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::Exit;
use longshore_store::Interrupt;

/// A signal this soon after the first one is a duplicate: a terminal signals the whole process group, and
/// the parent process may pass its signal on.
const DUPLICATE: Duration = Duration::from_millis(200);

/// What SIGHUP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// It stops the run, as the other signals do.
    Stops,
    /// It is left to others.
    Passes,
}

/// Starts to listen, and returns the observer of the first signal.
///
/// # Errors
/// Returns an error if the signal handlers cannot be installed.
pub(crate) fn listen(hangup: Hangup) -> std::io::Result<Interrupt> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let (switch, interrupt) = Interrupt::channel();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv(), if hangup == Hangup::Stops => {}
            }
        };
        next().await;
        // The run may have ended, and its observers with it.
        let _over = switch.send(true);
        let first = Instant::now();
        loop {
            next().await;
            if first.elapsed() > DUPLICATE {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    });
    Ok(interrupt)
}
