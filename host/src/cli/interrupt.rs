//! SIGINT, SIGTERM and SIGHUP: the first stops the run in order, the second ends the process.

use tokio::signal::unix::{SignalKind, signal};

use crate::error::Exit;
use crate::transfer::Interrupt;

/// Starts to listen; the answer observes the first signal.
///
/// # Errors
/// Where the signals cannot be listened to.
pub(super) fn listen() -> std::io::Result<Interrupt> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let (switch, interrupt) = Interrupt::channel();
    tokio::spawn(async move {
        for first in [true, false] {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
            }
            if first {
                // Whoever observes it may be gone already, and the run over.
                let _over = switch.send(true);
            } else {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    });
    Ok(interrupt)
}
