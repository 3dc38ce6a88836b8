//! Where a failed list goes: a file that is replaced, or a device or pipe that is written to.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::report::ReportError;

/// How the first line of each failed list of ours begins.
pub(super) const MARK: &str = "# failed list of longshore;";

/// As many links as the operating system itself would follow.
const MOST_LINKS: usize = 40;

/// What there is at the path of a failed list.
#[derive(Debug)]
pub(super) enum Place {
    /// A regular file or nothing: it is replaced by renaming.
    File(Replaceable),
    /// A device, a pipe or a socket, opened for writing; it is never renamed over.
    Stream(File),
}

impl Place {
    /// Looks at `path`, and follows symbolic links.
    pub(super) fn find(path: &Path) -> Result<Self, ReportError> {
        let failed = |cause| ReportError::write(path, cause);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // No file can have such a name, as the renaming at the end would find.
                if path.as_os_str().as_bytes().ends_with(b"/") || path.file_name().is_none() {
                    return Err(ReportError::Directory(path.to_owned()));
                }
                return Ok(Self::File(Replaceable { path: resolve(path), mode: None }));
            }
            Err(error) => return Err(failed(error)),
        };
        if metadata.is_dir() {
            return Err(ReportError::Directory(path.to_owned()));
        }
        let mut options = OpenOptions::new();
        options.append(true);
        // `/dev/stdout` and its like are what the process has open, even where that is a file.
        let is_descriptor = ["/dev/fd", "/dev/stdout", "/dev/stderr", "/proc"]
            .iter()
            .any(|place| path.starts_with(place));
        // A file that is protected against writing is not replaced either.
        let opened = options.open(path).map_err(failed)?;
        if !metadata.is_file() || is_descriptor {
            return Ok(Self::Stream(opened));
        }
        let mode = Some(metadata.permissions().mode() & 0o777);
        Ok(Self::File(Replaceable { path: resolve(path), mode }))
    }
}

/// Follows symbolic links to what may not exist yet. (A circle was found by the look before.)
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

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that is replaced as a whole.
#[derive(Debug)]
pub(super) struct Replaceable {
    path: PathBuf,
    /// The permissions of the file that is there.
    mode: Option<u32>,
}

impl Replaceable {
    /// A temporary file beside it, on the same file system.
    pub(super) fn beside(&self) -> io::Result<NamedTempFile> {
        let file = tempfile::Builder::new()
            .prefix(".longshore-failed-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory(&self.path))?;
        if let Some(mode) = self.mode {
            file.as_file().set_permissions(Permissions::from_mode(mode))?;
        }
        Ok(file)
    }

    /// Puts `file` in its place.
    pub(super) fn replace_by(&self, file: NamedTempFile) -> io::Result<()> {
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// Is there a failed list of ours?
    pub(super) fn is_ours(&self) -> io::Result<bool> {
        let mut start = Vec::with_capacity(MARK.len());
        match File::open(&self.path) {
            Ok(file) => file.take(MARK.len() as u64).read_to_end(&mut start)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        Ok(start == MARK.as_bytes())
    }

    /// Is there any file?
    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Moves the file that is there to another name beside it.
    pub(super) fn move_aside(&self) -> io::Result<PathBuf> {
        let (_file, aside) = self.beside()?.keep().map_err(|error| error.error)?;
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }

    /// Moves it back.
    pub(super) fn move_back(&self, aside: &Path) -> io::Result<()> {
        fs::rename(aside, &self.path)
    }
}
