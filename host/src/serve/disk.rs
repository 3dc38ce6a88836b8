//! Files: where repositories and blobs lie, and how content gets there whole or not at all.
//!
//! Everything is written under `.longshore/incoming` and then renamed, so a kill leaves nothing
//! half-written where it is served. All calls block.

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::oci::{Algorithm, Digest, Hasher, Repository};

use super::ServeError;

/// Names that an image layout has for itself (image-spec, image-layout.md). They are good names of
/// repositories too, so a component of that name below another repository is written with an
/// underscore behind it, which no component can end in.
const LAYOUT_NAMES: [&str; 3] = ["blobs", "index.json", "oci-layout"];

/// Our own folder; no component of a repository starts with a dot.
const OWN: &str = ".longshore";

/// So much of a file is read at once, in bytes.
const READ: usize = 512 * 1024;

/// A served folder.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    incoming: PathBuf,
    /// Is content flushed to the device before it counts as there?
    durable: bool,
    /// Held as long as the folder is served; the system lets go of it when the process dies.
    _lock: File,
}

impl Disk {
    /// Makes `root` ready, and removes what uploads of an earlier run left.
    pub(super) fn open(root: &Path, durable: bool) -> Result<Self, ServeError> {
        let path = root.to_owned();
        let unusable = |cause| ServeError::Root { path: path.clone(), cause };
        if fs::metadata(root).is_ok_and(|found| !found.is_dir()) {
            return Err(unusable(io::ErrorKind::NotADirectory.into()));
        }
        fs::create_dir_all(root).map_err(unusable)?;
        if root.join("oci-layout").is_file() {
            return Err(ServeError::RootIsLayout { path });
        }
        let own = root.join(OWN);
        fs::create_dir_all(&own).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(own.join("lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ServeError::RootInUse { path }),
            // Some network file systems have no locks; that is no reason not to serve from them.
            Err(TryLockError::Error(error)) => {
                tracing::warn!("failed to lock {}: {error}", own.display());
            }
        }
        let incoming = own.join("incoming");
        match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => fs::create_dir(&incoming).map_err(unusable)?,
        }
        Ok(Self { root: root.to_owned(), incoming, durable, _lock: lock })
    }

    /// The folder of a repository's layout.
    pub(super) fn directory(&self, repository: &Repository) -> PathBuf {
        let mut directory = self.root.clone();
        for (depth, component) in repository.as_str().split('/').enumerate() {
            if depth > 0 && LAYOUT_NAMES.contains(&component) {
                directory.push(format!("{component}_"));
            } else {
                directory.push(component);
            }
        }
        directory
    }

    /// Where a blob of a repository lies.
    pub(super) fn blob_path(&self, repository: &Repository, digest: &Digest) -> PathBuf {
        blob_in(&self.directory(repository), digest)
    }

    /// A path for something to be written, used by nothing else.
    pub(super) fn incoming(&self) -> PathBuf {
        self.incoming.join(fresh_name())
    }

    /// Flushes what was written, where content has to survive a loss of power.
    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        if self.durable { file.sync_data() } else { Ok(()) }
    }

    /// Writes a whole file, replacing what is there, and returns it opened.
    pub(super) fn write(&self, destination: &Path, content: &[u8]) -> io::Result<File> {
        let path = self.incoming();
        let written = (|| {
            let mut file = File::create_new(&path)?;
            file.write_all(content)?;
            self.flush(&file)?;
            rename(&path, destination)?;
            Ok(file)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written
    }

    /// Writes a blob, if it is not there already.
    pub(super) fn write_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        content: &[u8],
    ) -> io::Result<()> {
        let destination = self.blob_path(repository, digest);
        if size_of(&destination)? == Some(content.len() as u64) {
            return Ok(());
        }
        self.write(&destination, content).map(drop)
    }

    /// Moves a blob that was written to `path` into a repository. What is there already stays, as it
    /// may be linked to other repositories, unless its bytes are not what they should be.
    pub(super) fn place_blob(
        &self,
        path: &Path,
        size: u64,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<()> {
        let destination = self.blob_path(repository, digest);
        if size_of(&destination)? == Some(size)
            && digest_of_file(&destination, digest.algorithm())? == *digest
        {
            return fs::remove_file(path);
        }
        rename(path, &destination)
    }

    /// Mounts a blob of `from` into `to`; false if it is not in `from`.
    pub(super) fn mount(
        &self,
        digest: &Digest,
        from: &Repository,
        to: &Repository,
    ) -> io::Result<bool> {
        let source = self.blob_path(from, digest);
        let Some(size) = size_of(&source)? else {
            return Ok(false);
        };
        let destination = self.blob_path(to, digest);
        if from == to || size_of(&destination)? == Some(size) {
            return Ok(true);
        }
        let path = self.incoming();
        // Linked under a fresh name first: a link is never half-there, but a copy would be.
        if fs::hard_link(&source, &path).is_err() {
            fs::copy(&source, &path)?;
            self.flush(&File::open(&path)?)?;
        }
        let moved = rename(&path, &destination);
        // Renaming one link of a file over another link of it does nothing and leaves both.
        let _ = fs::remove_file(&path);
        moved.map(|()| true)
    }

    /// Opens a blob and says its size.
    pub(super) fn open_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<Option<(File, u64)>> {
        open(&self.blob_path(repository, digest))
    }

    /// All repositories, in order.
    pub(super) fn repositories(&self) -> io::Result<Vec<Repository>> {
        let mut found = Vec::new();
        let mut folders = vec![(self.root.clone(), String::new())];
        while let Some((folder, name)) = folders.pop() {
            if let Ok(repository) = name.parse()
                && folder.join("index.json").is_file()
            {
                found.push(repository);
            }
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                let file_name = entry.file_name();
                let Some(component) = file_name.to_str() else {
                    continue;
                };
                let is_layout_s = !name.is_empty() && LAYOUT_NAMES.contains(&component);
                if is_layout_s || component == OWN || !entry.file_type()?.is_dir() {
                    continue;
                }
                let component = match component.strip_suffix('_') {
                    Some(bare) if !name.is_empty() && LAYOUT_NAMES.contains(&bare) => bare,
                    _ => component,
                };
                let below = if name.is_empty() {
                    component.to_owned()
                } else {
                    format!("{name}/{component}")
                };
                folders.push((entry.path(), below));
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Where a blob of a layout lies.
pub(super) fn blob_in(directory: &Path, digest: &Digest) -> PathBuf {
    let mut path = directory.join("blobs");
    path.push(digest.algorithm().name());
    path.push(digest.hex());
    path
}

/// The size of a file; none where there is no regular file.
pub(super) fn size_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_file().then_some(found.len())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a regular file and says its size; none where there is no such file.
pub(super) fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    Ok(found.is_file().then_some((file, found.len())))
}

/// Is the file, or a folder on the way to it, not there?
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Renames, and makes the folder of the destination where it is missing: it mostly is there.
/// The digest of what a file holds.
pub(super) fn digest_of_file(path: &Path, algorithm: Algorithm) -> io::Result<Digest> {
    struct Sink(Hasher);
    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut file = io::BufReader::with_capacity(READ, File::open(path)?);
    let mut sink = Sink(Hasher::new(algorithm));
    io::copy(&mut file, &mut sink)?;
    Ok(sink.0.finish())
}

fn rename(path: &Path, destination: &Path) -> io::Result<()> {
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
pub(super) fn fresh_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let random = RandomState::new().hash_one(count);
    format!("{random:016x}{count:08x}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Disk, ServeError};
    use crate::oci::{Digest, Repository};

    fn name(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn repositories_never_collide_with_the_files_of_a_layout() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open(root.path(), false).unwrap();
        let mut names: Vec<Repository> = [
            "a",
            "a/b",
            "a/blobs",
            "a/blobs/sha256",
            "a/index.json",
            "a/oci-layout",
            "blobs",
            "blobs/blobs",
            "index.json",
        ]
        .map(name)
        .into();
        for repository in &names {
            let directory = disk.directory(repository);
            disk.write_blob(repository, &Digest::of(b"x"), b"x").unwrap();
            disk.write(&directory.join("oci-layout"), b"{}").unwrap();
            disk.write(&directory.join("index.json"), b"{}").unwrap();
        }
        names.sort_unstable();
        assert_eq!(disk.repositories().unwrap(), names);
    }

    #[test]
    fn a_mount_is_a_link_and_leaves_nothing_behind() {
        use std::os::unix::fs::MetadataExt as _;

        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open(root.path(), true).unwrap();
        let digest = Digest::of(b"x");
        assert!(!disk.mount(&digest, &name("a"), &name("b")).unwrap());
        disk.write_blob(&name("a"), &digest, b"x").unwrap();
        assert!(disk.mount(&digest, &name("a"), &name("b")).unwrap());
        assert!(disk.mount(&digest, &name("a"), &name("b")).unwrap());
        let found = fs::metadata(disk.blob_path(&name("b"), &digest)).unwrap();
        assert_eq!((found.nlink(), found.len()), (2, 1));
        assert_eq!(fs::read_dir(&disk.incoming).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_is_served_once_and_no_layout_is_served() {
        let root = tempfile::tempdir().unwrap();
        let first = Disk::open(root.path(), true).unwrap();
        let second = Disk::open(root.path(), true);
        assert!(matches!(second, Err(ServeError::RootInUse { .. })));
        fs::write(first.incoming(), b"left behind").unwrap();
        drop(first);
        let third = Disk::open(root.path(), true).unwrap();
        assert_eq!(fs::read_dir(&third.incoming).unwrap().count(), 0);
        drop(third);
        fs::write(root.path().join("oci-layout"), b"{}").unwrap();
        let layout = Disk::open(root.path(), true);
        assert!(matches!(layout, Err(ServeError::RootIsLayout { .. })));
        let file = Disk::open(&root.path().join("oci-layout"), true);
        let error = file.unwrap_err().to_string();
        assert!(error.ends_with(": not a directory"), "{error}");
    }
}
