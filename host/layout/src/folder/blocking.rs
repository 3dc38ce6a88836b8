//! Work that blocks, and locks in memory.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::task::spawn_blocking;

/// Runs `work` on a thread on which it may block. It runs to its end even if nobody waits for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Locks a mutex, even one whose holder panicked: no holder here leaves an invariant broken.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
