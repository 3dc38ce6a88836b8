//! SIGINT, SIGTERM and SIGHUP: the first stops the run in order, the second ends the process.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use crate::error::Exit;
use longshore_store::Interrupt;

/// What comes so soon after the first signal is the same wish: a terminal sends one to us and to whoever
/// started us, who may pass it on.
const SAME: Duration = Duration::from_millis(200);

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
        let mut next = async || {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
            }
        };
        next().await;
        // Whoever observes it may be gone already, and the run over.
        let _over = switch.send(true);
        let first = Instant::now();
        loop {
            next().await;
            if first.elapsed() > SAME {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    });
    Ok(interrupt)
}
