//! Where repositories and blobs lie in a folder, and how content gets there whole or not at all.
//!
//! Everything is written in a folder of this process below `.longshore/incoming` and then renamed, so
//! a kill leaves nothing half-written under its final name. All calls block.
//!
//! Below a folder that is written, symbolic links count as absent and nothing is written through them.
//! Only regular files are opened.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use longshore_oci::{Digest, Repository};

use super::files::{
    self, BehindLink, Links, Stamp, digest_of, is_absent, is_denied, read_bounded, rename,
};
use super::process_folder::ProcessFolder;
use super::verified::Verified;

/// Names that an image layout has for itself (image-spec, image-layout.md). They are good names of
/// repositories too, so a component of that name below another repository is written with an underscore
/// after it, which no component can end in.
const LAYOUT_NAMES: [&str; 3] = ["blobs", "index.json", "oci-layout"];

/// Our own folder; no component of a repository starts with a dot.
const OWN: &str = ".longshore";

/// Why a folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// The folder does not exist, and shall only be read.
    #[error("the folder does not exist")]
    Missing,
    /// The folder is one image layout, where the layouts of repositories should lie.
    #[error("it is an image layout itself")]
    IsLayout,
    /// The folder cannot be created, read or written.
    #[error(transparent)]
    Unusable(#[from] io::Error),
}

/// The files of a folder of layouts.
#[derive(Debug)]
pub(crate) struct Disk {
    root: PathBuf,
    /// `None`: the folder is only read.
    incoming: Option<ProcessFolder>,
    /// Whether content is flushed to the device before it gets its final name.
    durable: bool,
    /// A folder that is only read is the user's own choice, links and all.
    links: Links,
    verified: Verified,
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recalled {
    /// There is no such file.
    Absent,
    /// It was read and has the digest. Its size in bytes.
    Whole(u64),
    /// It was read and has another digest.
    Damaged,
    /// This version was not read yet.
    Unread,
}

impl Disk {
    /// Opens the folder `root` to read it; nothing is created there.
    pub(super) fn open_to_read(root: &Path) -> Result<Self, OpenError> {
        if !is_folder(root)? {
            return Err(OpenError::Missing);
        }
        // Fails early if the folder may not be read.
        fs::read_dir(root)?;
        Ok(Self::new(root, None, false, Links::Follow))
    }

    fn new(root: &Path, incoming: Option<ProcessFolder>, durable: bool, links: Links) -> Self {
        Self { root: root.to_owned(), incoming, durable, links, verified: Verified::default() }
    }

    /// Opens the folder `root` to see what a writer would find. A folder that does not exist holds
    /// nothing.
    pub(super) fn open_to_look(root: &Path) -> Result<Self, OpenError> {
        match Self::open_to_read(root) {
            Ok(_) | Err(OpenError::Missing) => Ok(Self::new(root, None, false, Links::Ignore)),
            Err(error) => Err(error),
        }
    }

    /// Opens the folder `root`, creates it if it is missing, and removes the incomplete content of
    /// processes that have ended.
    pub(super) fn open_to_write(root: &Path, durable: bool) -> Result<Self, OpenError> {
        is_folder(root)?;
        fs::create_dir_all(root)?;
        let incoming = Some(ProcessFolder::create(&root.join(OWN))?);
        Ok(Self::new(root, incoming, durable, Links::Ignore))
    }

    /// The folder.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Waits until no other process changes the index of `repository`; the lock lasts until the
    /// returned file is dropped. Repositories share 256 locks, so no two may be held at once.
    pub(super) fn lock_index(&self, repository: &Repository) -> io::Result<Option<File>> {
        let number = Digest::of(repository.as_str().as_bytes()).hex();
        self.own()?.wait_for(&number[..2])
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

    /// Whether a folder between the root and `path` is a symbolic link that is not followed.
    fn is_behind_link(&self, path: &Path) -> io::Result<bool> {
        if self.links == Links::Follow {
            return Ok(false);
        }
        let above = path.ancestors().skip(1).take_while(|above| *above != self.root);
        for folder in above {
            match fs::symlink_metadata(folder) {
                Ok(found) if found.is_symlink() => return Ok(true),
                Err(error) if !is_absent(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The version of a regular file; `None` if there is no such file.
    pub(super) fn stamp_of(&self, path: &Path) -> io::Result<Option<Stamp>> {
        let Some(stamp) = files::stamp_of(path, self.links)? else { return Ok(None) };
        Ok((!self.is_behind_link(path)?).then_some(stamp))
    }

    /// The size of a regular file in bytes; `None` if there is no such file.
    pub(super) fn size_of(&self, path: &Path) -> io::Result<Option<u64>> {
        Ok(self.stamp_of(path)?.map(|stamp| stamp.size))
    }

    /// Opens a regular file; `None` if there is no such file.
    pub(super) fn open(&self, path: &Path) -> io::Result<Option<(File, Stamp)>> {
        if self.is_behind_link(path)? {
            return Ok(None);
        }
        files::open(path, self.links)
    }

    /// The content of a regular file of at most `limit` bytes; `None` if there is no such file. The content
    /// is not verified.
    ///
    /// # Errors
    /// Also if it has more bytes.
    pub(super) fn read(&self, path: &Path, limit: usize) -> io::Result<Option<(Bytes, Stamp)>> {
        let Some((mut file, stamp)) = self.open(path)? else { return Ok(None) };
        Ok(Some((read_bounded(&mut file, stamp.size, limit)?, stamp)))
    }

    /// The content of a file that has this digest; `None` if it is missing, damaged, or has more than
    /// `limit` bytes.
    pub(super) fn read_whole(
        &self,
        path: &Path,
        digest: &Digest,
        limit: usize,
    ) -> io::Result<Option<Bytes>> {
        let Some((mut file, stamp)) = self.open(path)? else { return Ok(None) };
        let bytes = match read_bounded(&mut file, stamp.size, limit) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
            read => read?,
        };
        let found = digest.same_algorithm_of(&bytes);
        self.remember(&file, stamp, &found)?;
        Ok((found == *digest).then_some(bytes))
    }

    /// Remembers the digest of all that was read from `file`, whose version was `stamp` at first.
    pub(super) fn remember(&self, file: &File, stamp: Stamp, found: &Digest) -> io::Result<()> {
        self.verified.remember(stamp, Stamp::of(&file.metadata()?), found);
        Ok(())
    }

    /// Remembers that this version of a file has this digest, as it was written with it.
    pub(super) fn remember_written(&self, stamp: Stamp, digest: &Digest) {
        self.verified.remember_written(stamp, digest);
    }

    /// What is known of a file without reading it.
    pub(super) fn recall(&self, path: &Path, digest: &Digest) -> io::Result<Recalled> {
        let Some(stamp) = self.stamp_of(path)? else { return Ok(Recalled::Absent) };
        Ok(self.recall_version(&stamp, digest))
    }

    /// What is known of a version of a file.
    pub(super) fn recall_version(&self, stamp: &Stamp, digest: &Digest) -> Recalled {
        match self.verified.recall(stamp, digest.algorithm()) {
            None => Recalled::Unread,
            Some(found) if found == *digest => Recalled::Whole(stamp.size),
            Some(_) => Recalled::Damaged,
        }
    }

    /// The size in bytes of a file that has this digest; `None` if it is missing or damaged. A version that
    /// was not read yet is hashed.
    pub(super) fn whole_size(&self, path: &Path, digest: &Digest) -> io::Result<Option<u64>> {
        let Some((mut file, stamp)) = self.open(path)? else { return Ok(None) };
        match self.recall_version(&stamp, digest) {
            Recalled::Whole(size) => return Ok(Some(size)),
            Recalled::Damaged | Recalled::Absent => return Ok(None),
            Recalled::Unread => {}
        }
        let found = digest_of(&mut file, digest.algorithm())?;
        self.remember(&file, stamp, &found)?;
        if found != *digest {
            tracing::warn!("{} is damaged: its content has the digest {found}", path.display());
        }
        Ok((found == *digest).then_some(stamp.size))
    }

    /// A path for a file to be written, which nothing else uses.
    pub(super) fn incoming(&self) -> io::Result<PathBuf> {
        self.own()?.fresh_path()
    }

    fn own(&self) -> io::Result<&ProcessFolder> {
        Ok(self.incoming.as_ref().ok_or(io::ErrorKind::ReadOnlyFilesystem)?)
    }

    /// Flushes what was written, if content has to survive a loss of power.
    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        if self.durable { file.sync_data() } else { Ok(()) }
    }

    /// Ends the writing of a file, and says which version it is now.
    pub(super) fn seal(&self, file: &File) -> io::Result<Stamp> {
        mark_written(file);
        self.flush(file)?;
        Ok(Stamp::of(&file.metadata()?))
    }

    /// Creates or replaces a file as a whole, and returns it opened.
    pub(super) fn write(&self, destination: &Path, content: &[u8]) -> io::Result<File> {
        let path = self.incoming()?;
        let written = (|| {
            let mut file = File::create_new(&path)?;
            file.write_all(content)?;
            self.seal(&file)?;
            self.rename(&path, destination)?;
            Ok(file)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&path);
        }
        written
    }

    /// Gives a file its final name, unless that lies behind a link.
    fn rename(&self, path: &Path, destination: &Path) -> io::Result<()> {
        if self.is_behind_link(destination)? {
            let refused = BehindLink(destination.to_owned());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, refused));
        }
        rename(path, destination)
    }

    /// Writes a small blob, unless the file has these bytes already.
    pub(super) fn write_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        content: &[u8],
    ) -> io::Result<()> {
        let destination = self.blob_path(repository, digest);
        if self.whole_size(&destination, digest)?.is_some() {
            return Ok(());
        }
        let file = self.write(&destination, content)?;
        self.remember_written(Stamp::of(&file.metadata()?), digest);
        Ok(())
    }

    /// Moves a blob that was written to `path` into a repository. A file of the same content stays, as
    /// it may be linked to other repositories.
    pub(super) fn place_blob(
        &self,
        path: &Path,
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<()> {
        let destination = self.blob_path(repository, digest);
        if self.whole_size(&destination, digest)?.is_some() {
            return fs::remove_file(path);
        }
        self.rename(path, &destination)
    }

    /// Puts the blob `digest` of `from` into `to` too, by a hard link or else a copy. Returns false if
    /// `from` does not have it whole, or with another size than `expected` bytes.
    pub(super) fn mount(
        &self,
        digest: &Digest,
        expected: Option<u64>,
        from: &Repository,
        to: &Repository,
    ) -> io::Result<bool> {
        let source = self.blob_path(from, digest);
        let found = self.size_of(&source)?;
        if found.is_none_or(|found| expected.is_some_and(|size| size != found))
            || self.whole_size(&source, digest)?.is_none()
        {
            return Ok(false);
        }
        let destination = self.blob_path(to, digest);
        if from == to || self.whole_size(&destination, digest)?.is_some() {
            return Ok(true);
        }
        let path = self.incoming()?;
        // Linked under a fresh name first: a link is never half-there, but a copy would be.
        let moved =
            self.link_or_copy(&source, &path).and_then(|()| self.rename(&path, &destination));
        // Renaming one link of a file over another link of it does nothing and leaves both.
        let _ = fs::remove_file(&path);
        moved.map(|()| true)
    }

    fn link_or_copy(&self, source: &Path, path: &Path) -> io::Result<()> {
        if fs::hard_link(source, path).is_ok() {
            return Ok(());
        }
        let Some((mut original, _)) = self.open(source)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut copy = File::create_new(path)?;
        io::copy(&mut original, &mut copy)?;
        self.flush(&copy)
    }

    /// A repository that has a file for this blob, wherever in the folder it is.
    pub(super) fn find_blob(&self, digest: &Digest) -> io::Result<Option<Repository>> {
        self.walk(|folder, repository| {
            let is_here = self.whole_size(&blob_in(folder, digest), digest)?.is_some();
            Ok(is_here.then_some(repository))
        })
    }

    /// All repositories with an `index.json`, in order.
    pub(super) fn repositories(&self) -> io::Result<Vec<Repository>> {
        let mut found = Vec::new();
        self.walk(|folder, repository| {
            if self.stamp_of(&folder.join("index.json"))?.is_some() {
                found.push(repository);
            }
            Ok(None::<()>)
        })?;
        found.sort_unstable();
        Ok(found)
    }

    /// Visits every folder that may be a repository's, until `visit` returns something. A folder that this user
    /// may not read is left out, with a warning.
    fn walk<T>(
        &self,
        mut visit: impl FnMut(&Path, Repository) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let mut folders = vec![(self.root.clone(), String::new())];
        while let Some((folder, name)) = folders.pop() {
            let looked = name.parse().map_or(Ok(None), |repository| visit(&folder, repository));
            let opened = match looked {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => fs::read_dir(&folder),
                Err(error) => Err(error),
            };
            let entries = match opened {
                // It was removed meanwhile.
                Err(error) if is_absent(&error) && folder != self.root => continue,
                Err(error) if is_denied(&error) && folder != self.root => {
                    tracing::warn!("left out {}: {error}", folder.display());
                    continue;
                }
                opened => opened?,
            };
            for entry in entries {
                let entry = entry?;
                let file_name = entry.file_name();
                let Some(component) = file_name.to_str() else {
                    continue;
                };
                let Some(below) = name_below(&name, component) else {
                    continue;
                };
                if entry.file_type()?.is_dir() {
                    folders.push((entry.path(), below));
                }
            }
        }
        Ok(None)
    }
}

/// Makes a file that was just written differ from each later version. The clock of the file system
/// moves in steps; this one does not.
fn mark_written(file: &File) {
    if let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!("failed to set a file's time: {error}");
    }
}

/// The name of the repository in the folder `component` of the folder of the repository `name`, where
/// there can be one: not in `lost+found`, nor in a folder that a layout has for itself.
fn name_below(name: &str, component: &str) -> Option<String> {
    if name.is_empty() {
        return component.parse::<Repository>().is_ok().then(|| component.to_owned());
    }
    if LAYOUT_NAMES.contains(&component) {
        return None;
    }
    let component = match component.strip_suffix('_') {
        Some(bare) if LAYOUT_NAMES.contains(&bare) => bare,
        _ => component,
    };
    let below = format!("{name}/{component}");
    below.parse::<Repository>().is_ok().then_some(below)
}

/// Returns whether `root` is a folder that may hold the layouts of repositories; false if it does not
/// exist.
fn is_folder(root: &Path) -> Result<bool, OpenError> {
    match fs::metadata(root) {
        Ok(found) if !found.is_dir() => Err(io::Error::from(io::ErrorKind::NotADirectory).into()),
        Ok(_) if root.join("oci-layout").is_file() => Err(OpenError::IsLayout),
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Where a blob of a layout lies.
pub(super) fn blob_in(directory: &Path, digest: &Digest) -> PathBuf {
    let mut path = directory.join("blobs");
    path.push(digest.algorithm().name());
    path.push(digest.hex());
    path
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Disk, OpenError};
    use longshore_oci::{Digest, Repository};

    fn name(text: &str) -> Repository {
        text.parse().unwrap()
    }

    #[test]
    fn repositories_never_collide_with_the_files_of_a_layout() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open_to_write(root.path(), false).unwrap();
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
    fn folders_that_hold_no_repository_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open_to_write(root.path(), false).unwrap();
        for folder in ["lost+found", "a/Upper", "a/blobs", ".hidden"] {
            let folder = root.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("index.json"), b"{}").unwrap();
        }
        assert_eq!(disk.repositories().unwrap(), []);
    }

    #[test]
    fn a_mount_is_a_link_and_leaves_nothing_behind() {
        use std::os::unix::fs::MetadataExt as _;

        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open_to_write(root.path(), true).unwrap();
        let digest = Digest::of(b"x");
        let mount = |expected| disk.mount(&digest, expected, &name("a"), &name("b")).unwrap();
        assert!(!mount(None));
        disk.write_blob(&name("a"), &digest, b"x").unwrap();
        assert!(!mount(Some(2)), "it has another size");
        assert!(mount(Some(1)));
        assert!(mount(None));
        let found = fs::metadata(disk.blob_path(&name("b"), &digest)).unwrap();
        assert_eq!((found.nlink(), found.len()), (2, 1));
        let incoming = disk.incoming().unwrap();
        let left = fs::read_dir(incoming.parent().unwrap()).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn damaged_content_is_replaced_and_no_other() {
        use std::os::unix::fs::MetadataExt as _;

        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open_to_write(root.path(), true).unwrap();
        let digest = Digest::of(b"right");
        let path = disk.blob_path(&name("a"), &digest);
        disk.write_blob(&name("a"), &digest, b"right").unwrap();
        let written = fs::metadata(&path).unwrap().ino();
        disk.write_blob(&name("a"), &digest, b"right").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().ino(), written);
        fs::write(&path, b"wrong").unwrap();
        disk.write_blob(&name("a"), &digest, b"right").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"right");
    }

    #[test]
    fn what_is_no_folder_of_layouts_is_not_opened() {
        let root = tempfile::tempdir().unwrap();
        let missing = root.path().join("missing");
        assert!(matches!(Disk::open_to_read(&missing), Err(OpenError::Missing)));
        fs::write(root.path().join("oci-layout"), b"{}").unwrap();
        for opened in [Disk::open_to_write(root.path(), true), Disk::open_to_read(root.path())] {
            assert!(matches!(opened, Err(OpenError::IsLayout)));
        }
        let file = Disk::open_to_write(&root.path().join("oci-layout"), true);
        let error = file.unwrap_err().to_string();
        assert_eq!(error, "not a directory");
    }

    #[test]
    fn a_folder_that_is_read_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let disk = Disk::open_to_read(root.path()).unwrap();
        assert_eq!(disk.repositories().unwrap(), []);
        assert!(disk.incoming().is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
