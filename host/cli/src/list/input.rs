//! The text of a list: from a file, or from standard input.

use std::io::Read;
use std::path::Path;

use longshore_engine::list::ListText;

use super::ListError;

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
    let file = std::fs::File::open(path).map_err(unreadable)?;
    read(path, file)
}

/// Reads standard input to its end.
///
/// # Errors
/// Where it cannot be read.
pub(crate) fn read_stdin() -> Result<ListText, ListError> {
    read(Path::new("-"), std::io::stdin().lock())
}

fn read(path: &Path, from: impl Read) -> Result<ListText, ListError> {
    let mut bytes = Vec::new();
    from.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ListError::Read { path: path.to_owned(), error })?;
    if bytes.len() as u64 > LIMIT {
        return Err(ListError::TooLarge { path: path.to_owned(), limit: LIMIT });
    }
    Ok(ListText::new(&path.display().to_string(), bytes))
}
