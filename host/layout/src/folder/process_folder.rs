//! The folder in which one process writes what is not complete yet.
//!
//! Its owner holds a lock in it as long as it runs. A process that opens the layouts later removes only the
//! folders whose owner has ended.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::file_lock;
use super::files::fresh_name;

/// The file in a process's folder that its owner keeps locked.
const LOCK: &str = "lock";

/// A folder for incomplete files, removed when it is dropped.
#[derive(Debug)]
pub(super) struct ProcessFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl ProcessFolder {
    /// Makes a folder below `incoming`, and removes what ended processes left there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn create(incoming: &Path) -> io::Result<Self> {
        fs::create_dir_all(incoming)?;
        // Nobody may find a folder of ours before it is locked.
        let _making = file_lock::wait_for(&incoming.with_extension(LOCK))?;
        remove_abandoned(incoming)?;
        let path = incoming.join(fresh_name());
        fs::create_dir(&path)?;
        let lock = file_lock::wait_for(&path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    /// A path for a file to be written, which nothing else uses.
    pub(super) fn fresh_path(&self) -> PathBuf {
        self.path.join(fresh_name())
    }
}

impl Drop for ProcessFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::debug!("failed to remove {}: {error}", self.path.display());
        }
    }
}

fn remove_abandoned(incoming: &Path) -> io::Result<()> {
    for entry in fs::read_dir(incoming)? {
        let entry = entry?;
        let path = entry.path();
        let removed = if !entry.file_type()?.is_dir() {
            // Earlier versions wrote their files right here.
            fs::remove_file(&path)
        } else if file_lock::is_held(&path.join(LOCK)) {
            Ok(())
        } else {
            fs::remove_dir_all(&path)
        };
        match removed {
            // Its owner has just ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // It may be another user's, and does no harm.
            Err(error) => tracing::warn!("failed to remove {}: {error}", path.display()),
            Ok(()) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::ProcessFolder;

    #[test]
    fn only_folders_whose_owner_is_gone_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let incoming = root.path().join("incoming");
        let first = ProcessFolder::create(&incoming).unwrap();
        let half = first.fresh_path();
        fs::write(&half, b"half").unwrap();
        // As after SIGKILL: the files stay, and nobody holds the lock.
        let dead = incoming.join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), b"").unwrap();
        fs::write(dead.join("blob"), b"half").unwrap();
        fs::create_dir(incoming.join("unlocked")).unwrap();
        fs::write(incoming.join("file"), b"half").unwrap();

        let second = ProcessFolder::create(&incoming).unwrap();
        assert!(half.is_file(), "its owner is alive");
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 2);
        drop(first);
        assert!(!half.exists());
        drop(second);
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
    }
}
