//! Folders in the user's cache directory. Their content is optional: it only saves work.
//!
//! What is in them decides what a later run does, down to the code that it executes. So nobody else may
//! be able to exchange them: each folder above is checked, and files are opened relative to the folder
//! that was checked, whatever its path leads to by then.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use crate::parents::{self, FOLDER};

/// The start of the names of unfinished files.
const UNFINISHED: &str = ".tmp";

/// A folder that only this user can access. Several runs may use it concurrently.
#[derive(Debug)]
pub struct CacheFolder {
    path: PathBuf,
    folder: OwnedFd,
}

/// A file of a folder.
#[derive(Debug)]
pub struct CachedFile {
    /// Its name.
    pub name: OsString,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was last written or used.
    pub modified: SystemTime,
    /// Whether a run has not finished writing it.
    pub unfinished: bool,
}

impl CacheFolder {
    /// Opens or creates the folder `name` below `root`.
    ///
    /// # Errors
    /// If it cannot be created, belongs to another user, or is open to others. Also, if others can
    /// exchange a folder above it. There is no cache then.
    pub fn open(root: &Path, name: &str) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let parent = parents::open(root)?;
        match mkdirat(&parent, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let folder = openat(&parent, name, FOLDER, Mode::empty())?;
        let found = fstat(&folder)?;
        if found.st_uid != rustix::process::geteuid().as_raw() || found.st_mode & 0o077 != 0 {
            return Err(denied("the folder must belong to this user alone (mode 0700)"));
        }
        Ok(Self { path: root.join(name), folder })
    }

    /// The path by which the folder was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file `name` for reading.
    ///
    /// # Errors
    /// If there is none, or it is not a regular file that only this user can write.
    pub fn open_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.folder, name, flags, Mode::empty())?);
        let found = file.metadata()?;
        let ours = found.uid() == rustix::process::geteuid().as_raw();
        if !found.is_file() || !ours || found.mode() & 0o022 != 0 {
            return Err(denied("the file must be a regular one that only this user can write"));
        }
        Ok(file)
    }

    /// Whether there is a file `name`.
    pub fn has(&self, name: &str) -> bool {
        statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes the file `name`.
    ///
    /// # Errors
    /// If it cannot be removed. A missing file is not an error, as another run may have removed it.
    pub fn remove(&self, name: impl rustix::path::Arg) -> io::Result<()> {
        match unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The regular files of the folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn files(&self) -> io::Result<impl Iterator<Item = io::Result<CachedFile>>> {
        let names = Dir::read_from(&self.folder)?;
        Ok(names.filter_map(|entry| match entry {
            Ok(entry) => {
                // Another run may have removed it.
                let found =
                    statat(&self.folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW).ok()?;
                let is_file = FileType::from_raw_mode(found.st_mode).is_file();
                let name = entry.file_name().to_bytes().to_vec();
                let seconds = Duration::from_secs(u64::try_from(found.st_mtime).unwrap_or(0));
                let nanoseconds = Duration::from_nanos(found.st_mtime_nsec);
                is_file.then(|| {
                    Ok(CachedFile {
                        unfinished: name.starts_with(UNFINISHED.as_bytes()),
                        name: OsString::from_vec(name),
                        size: u64::try_from(found.st_size).unwrap_or(0),
                        modified: SystemTime::UNIX_EPOCH + seconds + nanoseconds,
                    })
                })
            }
            Err(error) => Some(Err(error.into())),
        }))
    }

    /// Opens the folder once more, for a lock of its own.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn to_lock(&self) -> io::Result<File> {
        Ok(File::from(openat(&self.folder, ".", FOLDER, Mode::empty())?))
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
        let (mut file, unfinished) = self.unfinished()?;
        let written = write(&mut file)
            .and_then(|()| Ok(renameat(&self.folder, &*unfinished, &self.folder, name)?));
        if written.is_err() {
            // The error of the write tells more.
            let _left = self.remove(&*unfinished);
        }
        written
    }

    /// Creates a file with a name that no other has.
    fn unfinished(&self) -> io::Result<(File, String)> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let name = format!("{UNFINISHED}{:016x}", RandomState::new().hash_one(()));
            match openat(&self.folder, &*name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => return Ok((File::from(file), name)),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn denied(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::io::{self, Read as _, Write as _};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::CacheFolder;

    pub(crate) fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn text(folder: &CacheFolder, name: &str) -> io::Result<String> {
        let mut text = String::new();
        folder.open_file(name)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn folder_and_files_are_this_user_s_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = CacheFolder::open(root.path(), "x").unwrap();
        folder.replace("a", &[b"1", b"2"]).unwrap();
        assert_eq!(mode_of(folder.path()), 0o700);
        assert_eq!(mode_of(&folder.path().join("a")), 0o600);
        assert_eq!(text(&folder, "a").unwrap(), "12");
        for open in [0o770, 0o707, 0o750, 0o701] {
            mode(folder.path(), open);
            assert!(CacheFolder::open(root.path(), "x").is_err(), "{open:o}");
        }
    }

    #[test]
    fn a_link_to_a_folder_is_no_cache() {
        let (root, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(other.path(), root.path().join("x")).unwrap();
        assert!(CacheFolder::open(root.path(), "x").is_err());
        fs::write(root.path().join("y"), "").unwrap();
        assert!(CacheFolder::open(root.path(), "y").is_err());
        fifo(&root.path().join("z"));
        assert!(CacheFolder::open(root.path(), "z").is_err());
    }

    #[test]
    fn a_folder_that_others_can_exchange_is_no_cache() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        CacheFolder::open(&below, "x").unwrap();
        for parent in ["a/b", "a"] {
            let parent = root.path().join(parent);
            mode(&parent, 0o757);
            let error = CacheFolder::open(&below, "x").unwrap_err().to_string();
            assert!(error.starts_with("others may change what is in"), "{error}");
            mode(&parent, 0o1777);
            CacheFolder::open(&below, "x").expect("the sticky bit protects it");
            mode(&parent, 0o755);
        }
        let link = root.path().join("link");
        symlink(root.path().join("a"), &link).unwrap();
        CacheFolder::open(&link.join("b"), "x").expect("a link of the user's own");
        mode(&root.path().join("a"), 0o777);
        assert!(CacheFolder::open(&link.join("b"), "x").is_err(), "the link leads below it");
    }

    #[test]
    fn what_takes_the_place_of_the_folder_later_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = CacheFolder::open(root.path(), "x").unwrap();
        folder.replace("a", &[b"right"]).unwrap();
        let (place, moved) = (root.path().join("x"), root.path().join("moved"));
        fs::rename(&place, &moved).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("a"), "wrong").unwrap();
        assert_eq!(text(&folder, "a").unwrap(), "right");
        folder.replace("b", &[b"new"]).unwrap();
        folder.remove("a").unwrap();
        assert!(!folder.has("a") && folder.has("b"));
        assert_eq!(fs::read(place.join("a")).unwrap(), b"wrong", "it is not touched");
        assert_eq!(fs::read(moved.join("b")).unwrap(), b"new");
        let names: Vec<_> = folder.files().unwrap().map(|file| file.unwrap().name).collect();
        assert_eq!(names, ["b"]);
    }

    #[test]
    fn only_regular_files_of_this_user_are_opened() {
        let root = tempfile::tempdir().unwrap();
        let folder = CacheFolder::open(root.path(), "x").unwrap();
        folder.replace("a", &[b"1"]).unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("a", at("link")).unwrap();
        fifo(&at("pipe"));
        fs::create_dir(at("folder")).unwrap();
        for name in ["link", "pipe", "folder", "none", "../x/a/"] {
            assert!(folder.open_file(name).is_err(), "{name}");
        }
        for shared in [0o620, 0o602, 0o666] {
            mode(&at("a"), shared);
            assert!(folder.open_file("a").is_err(), "{shared:o}");
        }
        let names: Vec<_> = folder.files().unwrap().map(|file| file.unwrap().name).collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_the_older_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = CacheFolder::open(root.path(), "x").unwrap();
        folder.replace("a", &[b"1"]).unwrap();
        let failed = folder.replace_with("a", |file| {
            file.write_all(b"2")?;
            assert_eq!(
                folder.files().unwrap().filter(|file| file.as_ref().unwrap().unfinished).count(),
                1
            );
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(text(&folder, "a").unwrap(), "1");
        assert_eq!(folder.files().unwrap().count(), 1, "nothing else is left");
    }
}
