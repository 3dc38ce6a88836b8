//! A cache folder whose files together stay below a limit.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::bounded::read_from;
use crate::cache_folder::{CacheFolder, CachedFile};

/// The block size for estimates of disk usage, in bytes.
const BLOCK: u64 = 4096;
/// Unfinished files older than this belong to a killed run.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A [`CacheFolder`] with a limit for all files together. It removes the least recently used files first.
/// Several runs may share it.
#[derive(Debug)]
pub struct BoundedFolder {
    folder: CacheFolder,
    limit: u64,
    /// The disk usage as far as this run knows, in bytes; `None` until it writes.
    size: Mutex<Option<u64>>,
    /// Set after a write failed: the disk is full, or the folder is not writable.
    read_only: AtomicBool,
}

impl BoundedFolder {
    /// Opens or creates the folder `name` below `root`; its files may take `limit` bytes.
    ///
    /// # Errors
    /// Like [`CacheFolder::open`].
    pub fn open(root: &Path, name: &str, limit: u64) -> io::Result<Self> {
        let folder = CacheFolder::open(root, name)?;
        Ok(Self { folder, limit, size: Mutex::default(), read_only: AtomicBool::default() })
    }

    /// The path by which the folder was opened.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Whether there is a file `name`.
    pub fn has(&self, name: &str) -> bool {
        self.folder.has(name)
    }

    /// Reads the file `name` of at most `largest` bytes. `check` returns its content if it is right.
    /// Otherwise the file is removed, so that the next [`keep`](Self::keep) replaces it.
    pub fn read<T>(
        &self,
        name: &str,
        largest: u64,
        check: impl FnOnce(Vec<u8>) -> Option<T>,
    ) -> Option<T> {
        let file = self.folder.open_file(name).ok()?;
        let content = read_from(&file, largest).ok();
        let Some(kept) = content.and_then(check) else {
            let _gone = self.folder.remove(name);
            return None;
        };
        // A file that is used is not evicted as one of the oldest.
        let _as_it_was = file.set_modified(SystemTime::now());
        Some(kept)
    }

    /// Writes the file `name`, unless there is one; its content is given in parts. After a failure,
    /// nothing is written any more.
    ///
    /// # Errors
    /// The first failure of this run.
    pub fn keep(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        if self.is_read_only() || self.folder.has(name) {
            return Ok(());
        }
        let written = self.write(name, parts);
        match written {
            Err(error) if !self.read_only.swap(true, Ordering::Relaxed) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a write failed, so that nothing is written any more.
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.folder.replace(name, parts)?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *size {
            Some(before) => before + disk_usage(length as u64),
            None => {
                let mut all = 0;
                for file in self.files()? {
                    all += disk_usage(file?.size);
                }
                all
            }
        };
        *size = Some(if before > self.limit { self.evict()? } else { before });
        Ok(())
    }

    /// Removes the oldest files until three quarters of the limit are used; returns the disk usage.
    ///
    /// Another run may evict at the same time, so missing files are not an error.
    fn evict(&self) -> io::Result<u64> {
        // The paths are not kept: the names of so many files would dominate the memory of a run.
        let mut files = Vec::new();
        for file in self.files()? {
            let file = file?;
            files.push((file.modified, disk_usage(file.size)));
        }
        files.sort_unstable();
        let mut size: u64 = files.iter().map(|(_, taken)| taken).sum();
        let (room, mut left) = (self.limit / 4 * 3, size);
        let goes = |(_, taken): &&(SystemTime, u64)| {
            let goes = left > room;
            left = left.saturating_sub(*taken);
            goes
        };
        let Some((last, _)) = files.iter().take_while(goes).last() else { return Ok(size) };
        for file in self.files()? {
            let file = file?;
            if file.modified <= *last && size > room {
                self.folder.remove(&*file.name)?;
                size = size.saturating_sub(disk_usage(file.size));
            }
        }
        Ok(size)
    }

    /// All files except those that a run is writing. Files of killed runs are among them after
    /// [`ABANDONED`].
    fn files(&self) -> io::Result<impl Iterator<Item = io::Result<CachedFile>>> {
        let is_written = |file: &CachedFile| {
            file.unfinished && file.modified.elapsed().is_ok_and(|age| age < ABANDONED)
        };
        let files = self.folder.files()?;
        Ok(files.filter(move |file| !file.as_ref().is_ok_and(is_written)))
    }
}

/// The disk usage of a file of `length` bytes.
const fn disk_usage(length: u64) -> u64 {
    length.div_ceil(BLOCK) * BLOCK
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{BLOCK, BoundedFolder};

    #[test]
    fn content_that_is_not_right_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let folder = BoundedFolder::open(root.path(), "x", 8 * BLOCK).unwrap();
        folder.keep("a", &[b"go", b"od"]).unwrap();
        folder.keep("a", &[b"other"]).unwrap();
        assert_eq!(folder.read("a", 4, Some).unwrap(), b"good", "an existing file stays");
        assert_eq!(folder.read("a", 4, |_| None::<()>), None);
        assert!(!folder.has("a"));
        folder.keep("a", &[b"other"]).unwrap();
        assert_eq!(folder.read("a", 4, Some), None, "it is too large");
        assert!(!folder.has("a"));
    }

    #[test]
    fn one_file_above_the_limit_does_not_stay() {
        let root = tempfile::tempdir().unwrap();
        let folder = BoundedFolder::open(root.path(), "x", BLOCK).unwrap();
        folder.keep("a", &[&[0; 5000]]).unwrap();
        assert!(!folder.has("a"));
        folder.keep("b", &[&[0; 3000]]).unwrap();
        assert!(folder.has("b"));
    }

    #[test]
    fn the_first_failure_is_the_last_try() {
        let root = tempfile::tempdir().unwrap();
        let folder = BoundedFolder::open(root.path(), "x", BLOCK).unwrap();
        fs::remove_dir(folder.path()).unwrap();
        assert!(folder.keep("a", &[b"1"]).is_err() && folder.is_read_only());
        assert!(folder.keep("a", &[b"1"]).is_ok());
    }
}
