//! The text of a list: from a file, or from standard input.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use longshore_engine::list::ListText;
use longshore_files::{ReadError, read_from};
use longshore_store::Interrupt;

use super::ListError;
use super::notation::list_text;

/// The largest list that is read, in bytes. Plugins need several times as much memory.
const LIMIT: u64 = 32 * 1024 * 1024;

/// Reads the file or the pipe at `path`. Returns `None` if the run is interrupted first: a pipe may have
/// no writer.
///
/// # Errors
/// If it is not a readable file.
pub(crate) async fn read_file(
    path: &Path,
    interrupt: &mut Interrupt,
) -> Result<Option<ListText>, ListError> {
    let path = path.to_owned();
    unless_interrupted(move || open_and_read(&path), interrupt).await
}

/// Reads standard input to its end, or until the run is interrupted.
///
/// # Errors
/// If it cannot be read.
pub(crate) async fn read_stdin(interrupt: &mut Interrupt) -> Result<Option<ListText>, ListError> {
    unless_interrupted(read_all_of_stdin, interrupt).await
}

/// Runs `reading` on a thread of its own, which an interrupt abandons.
async fn unless_interrupted(
    reading: impl FnOnce() -> Result<ListText, ListError> + Send + 'static,
    interrupt: &mut Interrupt,
) -> Result<Option<ListText>, ListError> {
    tokio::select! {
        read = tokio::task::spawn_blocking(reading) => match read {
            Ok(read) => read.map(Some),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        },
        () = interrupt.raised() => Ok(None),
    }
}

fn open_and_read(path: &Path) -> Result<ListText, ListError> {
    let unreadable = |error| ListError::Read { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(ListError::Folder(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let is_private = is_private(&file.metadata().map_err(unreadable)?);
    read(path, file, is_private)
}

fn read_all_of_stdin() -> Result<ListText, ListError> {
    let stdin = io::stdin();
    let file = stdin.as_fd().try_clone_to_owned().map(File::from);
    let found = file.and_then(|file| file.metadata());
    read(Path::new("-"), stdin.lock(), found.map_or(true, |found| is_private(&found)))
}

/// Says whether only some users may read a list. What a pipe brings is known to its two ends.
fn is_private(list: &Metadata) -> bool {
    /// The right of all others to read.
    const OTHERS_READ: u32 = 0o004;
    !list.is_file() || list.permissions().mode() & OTHERS_READ == 0
}

fn read(path: &Path, from: impl Read, is_private: bool) -> Result<ListText, ListError> {
    match read_from(from, LIMIT) {
        Ok(bytes) => {
            let mut text = list_text(&path.display().to_string(), bytes);
            text.is_private = is_private;
            Ok(text)
        }
        Err(ReadError::System(error)) => Err(ListError::Read { path: path.to_owned(), error }),
        Err(_) => Err(ListError::TooLarge { path: path.to_owned(), limit: LIMIT }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::path::Path;

    use super::{LIMIT, read};
    use crate::list::ListError;

    #[test]
    fn a_list_is_read_up_to_its_limit() {
        let spaces = || std::io::repeat(b' ');
        let largest = read(Path::new("x"), spaces().take(LIMIT), false).unwrap();
        assert_eq!(largest.text.len() as u64, LIMIT);
        for larger in [LIMIT + 1, LIMIT * 2, u64::MAX] {
            let read = read(Path::new("x"), spaces().take(larger), false);
            assert!(matches!(read, Err(ListError::TooLarge { limit: LIMIT, .. })), "{larger}");
        }
    }
}
