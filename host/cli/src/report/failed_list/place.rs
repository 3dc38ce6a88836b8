//! The path of a failed list: a file to replace, or a device or pipe to write to.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::FailedListFile;
use crate::list::MARK;
use crate::report::ReportError;

/// The permissions of everybody but the owner.
const OF_OTHERS: u32 = 0o077;

/// The start of the names of temporary files.
pub(super) const OURS: &str = ".longshore-failed-";

/// The start of the names of files with all entries of a run, which the run keeps locked.
pub(super) const RESERVE: &str = ".longshore-reserve-";

/// The age from which a reserve that nobody has locked is that of a killed run. A younger one may be about to be
/// locked.
const ABANDONED: Duration = Duration::from_secs(60);

/// The most bytes to read of the first line of a failed list.
const MOST_OF_LINE: u64 = 256 * 1024;

/// The most symbolic links to follow, as in the operating system.
const MOST_LINKS: usize = 40;

/// The file type at the path of a failed list.
#[derive(Debug)]
pub(in crate::report) enum Place {
    /// A regular file or none: replaced by renaming.
    File(Replaceable),
    /// A device, a pipe or a socket, opened for writing; it is never renamed over.
    Stream(File),
}

impl Place {
    /// Inspects the path of a failed list. Follows symbolic links, unless it is the default path.
    pub(in crate::report) fn find(file: FailedListFile<'_>) -> Result<Self, ReportError> {
        let FailedListFile { path, is_default, is_private, run: _ } = file;
        let failed = |cause| ReportError::write(path, cause);
        let replaceable = |path: PathBuf, mode| Replaceable { path, mode, is_default, is_private };
        // Such a file would be hard to name, and people expect standard output.
        if path == Path::new("-") {
            return Err(ReportError::Dash);
        }
        if is_default {
            return Self::find_own(replaceable(path.to_owned(), None));
        }
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A file cannot have such a name; the rename at the end would fail.
                if path.as_os_str().as_bytes().ends_with(b"/") || path.file_name().is_none() {
                    return Err(ReportError::Directory(path.to_owned()));
                }
                return Ok(Self::File(replaceable(resolve(path), None)));
            }
            Err(error) => return Err(failed(error)),
        };
        if metadata.is_dir() {
            return Err(ReportError::Directory(path.to_owned()));
        }
        let mut options = OpenOptions::new();
        options.append(true);
        // `/dev/stdout` and the like are open files of the process, so they are never replaced.
        let is_descriptor = ["/dev/fd", "/dev/stdout", "/dev/stderr", "/proc"]
            .iter()
            .any(|place| path.starts_with(place));
        // Opening also checks that the file is writable; a read-only file is not replaced.
        let opened = options.open(path).map_err(failed)?;
        if !metadata.is_file() || is_descriptor {
            return Ok(Self::Stream(opened));
        }
        let mode = Some(metadata.permissions().mode() & 0o777);
        Ok(Self::File(replaceable(resolve(path), mode)))
    }

    /// Accepts the default path if it is free or has a failed list of longshore. Another user who made the
    /// folder, such as the author of a checkout, may have put something else there: a link to a file of this
    /// user, or a pipe.
    fn find_own(mut place: Replaceable) -> Result<Self, ReportError> {
        let path = place.path.clone();
        let failed = |cause| ReportError::write(&path, cause);
        let foreign = |what| ReportError::Foreign { path: path.clone(), what };
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::File(place)),
            Err(error) => return Err(failed(error)),
        };
        match found.file_type() {
            kind if kind.is_dir() => return Err(ReportError::Directory(path)),
            kind if kind.is_symlink() => return Err(foreign("it is a symbolic link")),
            kind if !kind.is_file() => return Err(foreign("it is a pipe, a socket or a device")),
            _ => {}
        }
        // Opening also checks that the file is writable; a read-only file is not replaced.
        place.open(OpenOptions::new().append(true)).map_err(failed)?;
        if !place.is_ours().map_err(failed)? {
            return Err(foreign("it is not a failed list of longshore"));
        }
        place.mode = Some(found.permissions().mode() & 0o777);
        Ok(Self::File(place))
    }
}

/// Follows symbolic links to a file that may not exist yet. (`find` has already refused link loops.)
fn resolve(path: &Path) -> PathBuf {
    let mut resolved = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&resolved) {
            // A relative link counts from the directory that it is in.
            Ok(next) => resolved = directory(&resolved).join(next),
            Err(_) => break,
        }
    }
    resolved
}

/// Reads the first line of a file, without what is longer than a command may be.
pub(super) fn first_line(file: File) -> io::Result<String> {
    let mut line = Vec::new();
    BufReader::new(file).take(MOST_OF_LINE).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Says whether two paths name one file, which need not exist yet.
pub(in crate::report) fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            let folder = directory(path).canonicalize().ok()?;
            Some(folder.join(path.file_name()?))
        })
    };
    one == other || whole(one).is_some_and(|one| whole(other) == Some(one))
}

/// Removes the reserves of killed runs: nobody has locked them. What cannot be removed does no harm.
fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let is_reserve =
        |entry: &fs::DirEntry| entry.file_name().as_bytes().starts_with(RESERVE.as_bytes());
    for entry in entries.flatten().filter(is_reserve) {
        if is_abandoned(&entry.path()).unwrap_or(false) {
            let _kept = fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(path: &Path) -> io::Result<bool> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let found = file.metadata()?;
    let age = found.modified()?.elapsed().unwrap_or_default();
    Ok(found.is_file() && age >= ABANDONED && file.try_lock().is_ok())
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that is replaced as a whole.
#[derive(Debug)]
pub(in crate::report) struct Replaceable {
    path: PathBuf,
    /// The permissions of the existing file.
    mode: Option<u32>,
    /// See [`FailedListFile`].
    is_default: bool,
    is_private: bool,
}

impl Replaceable {
    /// Creates a temporary file in the same folder, and so on the same file system. Its name starts with
    /// `prefix`.
    pub(in crate::report) fn beside(&self, prefix: &str) -> io::Result<NamedTempFile> {
        let allowed = if self.is_private { !OF_OTHERS } else { !0 };
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(0o666 & allowed))
            .tempfile_in(directory(&self.path))?;
        if let Some(mode) = self.mode {
            file.as_file().set_permissions(Permissions::from_mode(mode & allowed))?;
        }
        Ok(file)
    }

    /// Creates the file that has all entries of a run, and locks it as long as it is open. Removes those that killed
    /// runs left in the folder.
    pub(super) fn reserve(&self) -> io::Result<NamedTempFile> {
        remove_abandoned(directory(&self.path));
        let file = self.beside(RESERVE)?;
        // Without locks, as on some network file systems, nothing is removed.
        let _unlocked = file.as_file().try_lock();
        Ok(file)
    }

    /// Keeps a reserve that another run must not remove, and returns its path.
    pub(super) fn keep(&self, reserve: NamedTempFile) -> io::Result<PathBuf> {
        let kept = self.beside(OURS)?;
        let path = kept.path().components().collect();
        kept.keep().map_err(|error| error.error)?;
        reserve.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }

    /// Says whether another file stands at the default path by now, which was free or had a failed list.
    pub(super) fn is_taken(&self) -> io::Result<bool> {
        if !self.is_default || !self.exists() {
            return Ok(false);
        }
        // A link, or a file that cannot be read, is not a failed list of longshore.
        Ok(!self.is_ours().unwrap_or(false))
    }

    /// Opens the file. At the default path it neither follows a link nor waits for the other end of a pipe.
    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = if self.is_default { flags } else { OFlags::empty() };
        options.custom_flags(flags.bits().cast_signed()).open(&self.path)
    }

    /// Renames `file` to the path of the list.
    pub(in crate::report) fn replace_by(&self, file: NamedTempFile) -> io::Result<()> {
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// Says whether the file is a failed list of longshore.
    pub(super) fn is_ours(&self) -> io::Result<bool> {
        let mut start = Vec::with_capacity(MARK.len());
        match self.open(OpenOptions::new().read(true)) {
            Ok(file) => file.take(MARK.len() as u64).read_to_end(&mut start)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(start == MARK.as_bytes())
    }

    /// Reads the first line of the file; `None` without a file.
    pub(super) fn first_line(&self) -> io::Result<Option<String>> {
        match self.open(OpenOptions::new().read(true)) {
            Ok(file) => first_line(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says whether the file, or a link to nothing, exists.
    pub(super) fn exists(&self) -> bool {
        self.path.symlink_metadata().is_ok()
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Renames the existing file within its folder.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let (_file, aside) = self.beside(OURS)?.keep().map_err(|error| error.error)?;
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }

    /// Renames the file back.
    pub(super) fn move_back(&self, aside: &Path) -> io::Result<()> {
        fs::rename(aside, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::path::Path;
    use std::time::SystemTime;

    use super::{ABANDONED, FailedListFile, Place, RESERVE};

    fn age(path: &Path) {
        let past = SystemTime::now() - ABANDONED * 2;
        let file = File::options().write(true).open(path).unwrap();
        file.set_times(FileTimes::new().set_modified(past)).unwrap();
    }

    #[test]
    fn only_old_reserves_that_nobody_has_locked_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let list = at("list");
        let file = FailedListFile { path: &list, is_default: false, is_private: false, run: "r" };
        let Place::File(place) = Place::find(file).unwrap() else { panic!("it is a file") };
        let held = place.reserve().unwrap();
        age(held.path());
        for name in [".longshore-reserve-dead", ".longshore-failed-kept", "list.txt"] {
            fs::write(at(name), "a\n").unwrap();
            age(&at(name));
        }
        fs::write(at(".longshore-reserve-young"), "a\n").unwrap();
        fs::create_dir(at(".longshore-reserve-folder")).unwrap();
        std::os::unix::fs::symlink(at("list.txt"), at(".longshore-reserve-link")).unwrap();
        let second = place.reserve().unwrap();
        assert!(held.path().exists() && second.path().exists(), "their runs go on");
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| ![held.path(), second.path()].contains(&at(name).as_path()))
            .collect();
        left.sort();
        let kept = ["failed-kept", "reserve-folder", "reserve-link", "reserve-young"];
        let mut kept: Vec<String> = kept.iter().map(|end| format!(".longshore-{end}")).collect();
        kept.push("list.txt".to_owned());
        assert_eq!(left, kept);
        let path = place.keep(second).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.starts_with(RESERVE) && path.exists(), "{name} stays");
    }
}
