//! Folders below the user's cache directory: what is in them saves work and is never needed.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A folder that belongs to this user alone. Several runs may use it at once.
#[derive(Debug)]
pub struct CacheFolder(PathBuf);

impl CacheFolder {
    /// Opens the folder `name` below `root`, or makes it.
    ///
    /// # Errors
    /// If it cannot be made, is not ours or is open to others: then there is no cache.
    pub fn open(root: &Path, name: &str) -> io::Result<Self> {
        let folder = root.join(name);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let metadata = folder.symlink_metadata()?;
        let ours = metadata.uid() == rustix::process::geteuid().as_raw();
        if !metadata.is_dir() || !ours || metadata.mode() & 0o077 != 0 {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the folder is not this user's alone (mode 0700)",
            ));
        }
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the file `name` is in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes the file `name` whole, its content in parts; only this user can read it. Two runs may
    /// do this at once, and a third may read or have mapped the older file: that keeps its content,
    /// since only the name moves.
    ///
    /// # Errors
    /// If it cannot be written: an older file is there then as it was.
    pub fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.replace_with(name, |file| parts.iter().try_for_each(|part| file.write_all(part)))
    }

    /// The same with content that `write` writes.
    ///
    /// # Errors
    /// If it cannot be written: an older file is there then as it was.
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
