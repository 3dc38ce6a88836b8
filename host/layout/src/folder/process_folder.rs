//! `.longshore`: the locks of a folder of layouts, and the folder in which one process writes what is not
//! complete yet.
//!
//! Its owner holds a lock in it as long as it runs. A process that opens the layouts later removes only the
//! folders whose owner has ended. A folder that somebody removes while its owner runs is made again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::blocking::lock;
use super::file_lock;
use super::files::fresh_name;

/// The file in a process's folder that its owner keeps locked.
const LOCK: &str = "lock";

/// A folder for incomplete files, removed when it is dropped.
#[derive(Debug)]
pub(super) struct ProcessFolder {
    /// `.longshore`.
    own: PathBuf,
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

impl ProcessFolder {
    /// Makes a folder below `own`, and removes what ended processes left there.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn create(own: &Path) -> io::Result<Self> {
        let path = own.join("incoming").join(fresh_name());
        let created = Self { own: own.to_owned(), path, lock: Mutex::default() };
        created.make()?;
        Ok(created)
    }

    /// A path for a file to be written, which nothing else uses.
    ///
    /// # Errors
    /// The folder was removed, and cannot be made again.
    pub(super) fn fresh_path(&self) -> io::Result<PathBuf> {
        if !self.path.is_dir() {
            self.make()?;
        }
        Ok(self.path.join(fresh_name()))
    }

    /// Waits for the lock `name` that all processes share. It lasts until the returned file is dropped; `None` if
    /// the file system has no locks.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn wait_for(&self, name: &str) -> io::Result<Option<File>> {
        let path = self.own.join("locks").join(name);
        match file_lock::wait_for(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make()?;
                file_lock::wait_for(&path)
            }
            waited => waited,
        }
    }

    fn make(&self) -> io::Result<()> {
        let mut held = lock(&self.lock);
        let incoming = self.own.join("incoming");
        // The content below is removed at each start, so a link must not lead elsewhere.
        for folder in [&self.own, &self.own.join("locks"), &incoming] {
            own_folder(folder)?;
        }
        if self.path.is_dir() {
            return Ok(());
        }
        // Nobody may find a folder of ours before it is locked.
        let _making = file_lock::wait_for(&incoming.with_extension(LOCK))?;
        remove_abandoned(&incoming)?;
        fs::create_dir(&self.path)?;
        *held = file_lock::wait_for(&self.path.join(LOCK))?;
        Ok(())
    }
}

/// Creates one of longshore's own folders.
fn own_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => return created,
    }
    if fs::symlink_metadata(folder)?.is_dir() {
        return Ok(());
    }
    let message = format!("{} is not a folder", folder.display());
    Err(io::Error::new(io::ErrorKind::NotADirectory, message))
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
        let first = ProcessFolder::create(root.path()).unwrap();
        let half = first.fresh_path().unwrap();
        fs::write(&half, b"half").unwrap();
        // As after SIGKILL: the files stay, and nobody holds the lock.
        let dead = incoming.join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), b"").unwrap();
        fs::write(dead.join("blob"), b"half").unwrap();
        fs::create_dir(incoming.join("unlocked")).unwrap();
        fs::write(incoming.join("file"), b"half").unwrap();

        let second = ProcessFolder::create(root.path()).unwrap();
        assert!(half.is_file(), "its owner is alive");
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 2);
        drop(first);
        assert!(!half.exists());
        drop(second);
        assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
    }

    #[test]
    fn what_is_removed_under_a_running_process_is_made_again() {
        let root = tempfile::tempdir().unwrap();
        let own = root.path().join("own");
        let folder = ProcessFolder::create(&own).unwrap();
        for removed in ["", "incoming", "locks"] {
            fs::remove_dir_all(own.join(removed)).unwrap();
            fs::write(folder.fresh_path().unwrap(), b"x").unwrap();
            let held = folder.wait_for("a").unwrap();
            assert!(held.is_some(), "{removed}");
            // Its new lock keeps it.
            let other = ProcessFolder::create(&own).unwrap();
            assert!(folder.path.join("lock").is_file(), "{removed}");
            drop(other);
        }
        fs::remove_dir_all(&own).unwrap();
        let elsewhere = root.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &own).unwrap();
        assert!(folder.fresh_path().is_err(), "a link is not followed");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
