//! Reads files up to a bound. A name may lead to a device without end or to a pipe without a writer.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error(transparent)]
    System(#[from] io::Error),
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotRegular,
    /// It is larger than the limit.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It is not UTF-8.
    #[error("it is not UTF-8 text")]
    NotText,
}

/// Reads a regular file of at most `limit` bytes. Follows symbolic links.
///
/// # Errors
/// If it cannot be read, is too large, or is not a regular file. Never waits for a pipe.
pub fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut options = OpenOptions::new();
    // Opening a pipe would wait for its writer, and opening a device may have effects.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(ReadError::NotRegular);
    }
    if found.len() > limit {
        return Err(ReadError::TooLarge { limit });
    }
    read_from(file, limit)
}

/// Reads a file, a pipe or a device to its end, of at most `limit` bytes. It may wait for a writer.
///
/// # Errors
/// If it cannot be read, or is too large.
pub fn read_any(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    read_from(File::open(path)?, limit)
}

/// Reads `from` to its end, of at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, or is too large.
pub fn read_from(from: impl Read, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { limit });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::path::Path;

    use super::{ReadError, read_any, read_regular};
    use crate::cache_folder::tests::fifo;

    #[test]
    fn a_file_of_at_most_the_limit_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&file, "12345").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&file, &link] {
            for read in [read_regular, read_any] {
                assert_eq!(read(path, 5).unwrap(), b"12345");
                assert!(matches!(read(path, 4), Err(ReadError::TooLarge { limit: 4 })));
            }
        }
        let missing = read_regular(&folder.path().join("c"), 1);
        assert!(matches!(missing, Err(ReadError::System(_))));
    }

    #[test]
    fn what_is_not_a_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        for path in [folder.path(), &pipe, Path::new("/dev/zero"), Path::new("/dev/null")] {
            let read = read_regular(path, 1000);
            assert!(matches!(read, Err(ReadError::NotRegular)), "{}: {read:?}", path.display());
        }
    }

    #[test]
    fn a_device_without_end_is_read_to_the_limit_and_a_pipe_to_its_end() {
        let endless = read_any(Path::new("/dev/zero"), 1000);
        assert!(matches!(endless, Err(ReadError::TooLarge { .. })));
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        fifo(&pipe);
        let writer = pipe.clone();
        let writing = std::thread::spawn(move || {
            let mut pipe = fs::OpenOptions::new().write(true).open(writer).unwrap();
            pipe.write_all(b"1").unwrap();
            pipe.write_all(b"2").unwrap();
        });
        assert_eq!(read_any(&pipe, 1000).unwrap(), b"12");
        writing.join().unwrap();
    }
}
