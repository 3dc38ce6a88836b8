//! The files that a server reads before it starts: passwords, certificates and keys.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use tokio::task::spawn_blocking;

/// The largest file that is read, in bytes.
const FILE_LIMIT: u64 = 4 * 1024 * 1024;

/// Reads a file, which may be a pipe of a shell, up to its limit.
pub(super) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_LIMIT {
        let message = format!("it has more than {FILE_LIMIT} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Runs `reading` on a thread of its own until `shutdown`: a pipe may have no writer. Returns `None` if the
/// shutdown comes first.
pub(super) async fn unless_shut_down<T: Send + 'static>(
    reading: impl FnOnce() -> T + Send + 'static,
    shutdown: impl Future<Output = ()>,
) -> Option<T> {
    tokio::select! {
        read = spawn_blocking(reading) => match read {
            Ok(read) => Some(read),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
        () = shutdown => None,
    }
}
