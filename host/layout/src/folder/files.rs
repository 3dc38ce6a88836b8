//! Single files: their versions, their digests, and names that nothing else uses.

use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use longshore_oci::{Algorithm, Digest, Hasher};
use rustix::fs::OFlags;

/// How much of a file is hashed at once, in bytes.
const READ: usize = 512 * 1024;

/// A file that would be written through a symbolic link.
#[derive(Debug, thiserror::Error)]
#[error("{} lies behind a symbolic link", .0.display())]
pub(crate) struct BehindLink(pub(super) PathBuf);

/// Whether a symbolic link stands for the file that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// It does.
    Follow,
    /// It counts as absent: another user who planted it must not choose what is read or written.
    Ignore,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) seconds: i64,
    pub(super) nanoseconds: i64,
    pub(super) size: u64,
}

impl Stamp {
    pub(super) fn of(found: &Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            seconds: found.mtime(),
            nanoseconds: found.mtime_nsec(),
            size: found.size(),
        }
    }
}

/// The version of a regular file; `None` if there is no such file. A FIFO, a device or a folder counts as
/// absent.
pub(super) fn stamp_of(path: &Path, links: Links) -> io::Result<Option<Stamp>> {
    let found = match links {
        Links::Follow => fs::metadata(path),
        Links::Ignore => fs::symlink_metadata(path),
    };
    match found {
        Ok(found) => Ok(found.is_file().then(|| Stamp::of(&found))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file; `None` if there is no such file. It never waits, as opening a FIFO would.
pub(super) fn open(path: &Path, links: Links) -> io::Result<Option<(File, Stamp)>> {
    // Opening a device can have effects, so look first; the handle is looked at again below.
    if stamp_of(path, links)?.is_none() {
        return Ok(None);
    }
    let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    if links == Links::Ignore {
        flags |= OFlags::NOFOLLOW;
    }
    let flags = flags.bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    Ok(found.is_file().then(|| (file, Stamp::of(&found))))
}

/// What is left to read of `file`, which had `size` bytes when it was opened.
///
/// # Errors
/// Also if it has more than `limit` bytes.
pub(super) fn read_bounded(file: &mut File, size: u64, limit: usize) -> io::Result<Bytes> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(limit, |size| size.min(limit)));
    let one_more = limit as u64 + 1;
    file.take(one_more).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        let message = format!("it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes.into())
}

/// Whether the file, or a folder on the way to it, does not exist.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether this user may not do what failed.
pub(super) fn is_denied(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// The digest of what is left to read of `file`.
pub(super) fn digest_of(file: &mut File, algorithm: Algorithm) -> io::Result<Digest> {
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

/// Renames a file, and creates the folder of the destination if it is missing.
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
