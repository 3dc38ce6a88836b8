//! Folders in the user's cache directory. Their content is optional: it only saves work.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A folder that only this user can access. Several runs may use it concurrently.
#[derive(Debug)]
pub struct CacheFolder(PathBuf);

impl CacheFolder {
    /// Opens or creates the folder `name` below `root`.
    ///
    /// # Errors
    /// If it cannot be created, belongs to another user, or is open to others. There is no cache
    /// then.
    pub fn open(root: &Path, name: &str) -> io::Result<Self> {
        let folder = root.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let metadata = folder.symlink_metadata()?;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || !ours || metadata.mode() & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the folder must belong to this user alone (mode 0700)",
            ));
        }
        Ok(Self(folder))
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The path of the file `name` in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Replaces the file `name` atomically; its content is given in parts. Only this user can read
    /// it.
    ///
    /// Several runs may do this concurrently. A reader that opened or mapped the older file keeps
    /// its content, as only the name moves.
    ///
    /// # Errors
    /// If the file cannot be written. An older file stays unchanged then.
    pub fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.replace_with(name, |file| parts.iter().try_for_each(|part| file.write_all(part)))
    }

    /// Like [`Self::replace`], with content that `write` writes.
    ///
    /// # Errors
    /// If the file cannot be written. An older file stays unchanged then.
    pub fn replace_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.0)?;
        write(file.as_file_mut())?;
        file.persist(self.file(name))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::CacheFolder;

    #[test]
    fn folder_and_files_are_this_user_s_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = CacheFolder::open(root.path(), "x").unwrap();
        folder.replace("a", &[b"1", b"2"]).unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().to_owned()), 0o700);
        assert_eq!(mode(folder.file("a")), 0o600);
        assert_eq!(fs::read(folder.file("a")).unwrap(), b"12");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(CacheFolder::open(root.path(), "x").is_err());
    }

    #[test]
    fn a_link_to_a_folder_is_no_cache() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path(), root.path().join("x")).unwrap();
        assert!(CacheFolder::open(root.path(), "x").is_err());
    }
}
