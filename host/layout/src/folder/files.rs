//! Single files: their sizes, their digests, and names that nothing else uses.

use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use longshore_oci::{Algorithm, Digest, Hasher};

/// How much of a file is hashed at once, in bytes.
const READ: usize = 512 * 1024;

/// The size of a file in bytes; `None` where there is no regular file.
pub(super) fn size_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_file().then_some(found.len())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file, and says its size in bytes; `None` where there is no such file.
pub(super) fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    Ok(found.is_file().then_some((file, found.len())))
}

/// The content of a regular file; `None` where there is no such file.
///
/// # Errors
/// It has more than `limit` bytes, too.
pub(super) fn read_bounded(path: &Path, limit: usize) -> io::Result<Option<Bytes>> {
    let Some((file, size)) = open(path)? else { return Ok(None) };
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(limit, |size| size.min(limit)));
    let one_more = limit as u64 + 1;
    file.take(one_more).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let message = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(Some(bytes.into()))
}

/// Whether the file, or a folder on the way to it, does not exist.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The digest of what is left to read of `file`.
pub(super) fn digest_of(mut file: File, algorithm: Algorithm) -> io::Result<Digest> {
    let mut hasher = Hasher::new(algorithm);
    let mut bytes = vec![0; READ];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Renames a file, and creates the folder of the destination where it is missing.
pub(super) fn rename(path: &Path, destination: &Path) -> io::Result<()> {
    match fs::rename(path, destination) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = destination.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::rename(path, destination)
        }
        done => done,
    }
}

/// A name that is used once: unique in this process by its counter, and between processes by chance.
pub(crate) fn fresh_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let random = RandomState::new().hash_one(count);
    format!("{random:016x}{count:08x}")
}
