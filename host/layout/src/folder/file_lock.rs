//! Locks between processes: `flock` on files that hold nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Once;

use rustix::fs::OFlags;

/// Waits for the lock on the file at `path`, which is created if it is missing. The lock lasts as long as
/// the returned file is open; `None` if the file system has no locks.
///
/// # Errors
/// The file cannot be opened or created.
pub(super) fn wait_for(path: &Path) -> io::Result<Option<File>> {
    let file = open(File::options().create(true).truncate(false), path)?;
    loop {
        match file.lock() {
            Ok(()) => return Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                warn_without_locks(path, &error);
                return Ok(None);
            }
        }
    }
}

/// Whether another process, or another handle of this one, holds the lock on the file at `path`. True if
/// that cannot be found out.
pub(super) fn is_held(path: &Path) -> bool {
    match open(&mut OpenOptions::new(), path) {
        Ok(file) => match file.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
        },
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Opens a lock's file. A FIFO or a link in its place is an error, and never waited for.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    options.write(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Some network file systems have no locks. A single process can still work there.
fn warn_without_locks(path: &Path, error: &io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            "failed to lock {}: {error}; let only one process write to this folder",
            path.display()
        );
    });
}
