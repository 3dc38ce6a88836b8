//! The text of a list: from a file, or from standard input.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use longshore_engine::list::ListText;

use super::ListError;
use super::notation::list_text;

/// The largest list that is read, in bytes: what a plugin can be given.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Reads the file at `path`.
///
/// # Errors
/// Where it is no readable file.
pub(crate) fn read_file(path: &Path) -> Result<ListText, ListError> {
    let unreadable = |error| ListError::Read { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Err(ListError::Folder(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let is_private = is_private(&file.metadata().map_err(unreadable)?);
    read(path, file, is_private)
}

/// Reads standard input to its end.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn read_stdin() -> Result<ListText, ListError> {
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
    let mut bytes = Vec::new();
    from.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ListError::Read { path: path.to_owned(), error })?;
    if bytes.len() as u64 > LIMIT {
        return Err(ListError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    let mut text = list_text(&path.display().to_string(), bytes);
    text.is_private = is_private;
    Ok(text)
}
