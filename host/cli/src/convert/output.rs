//! Writes a list into a file, which it replaces as a whole by renaming, or into a device or pipe.

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use longshore_files::replace_at;

use super::ConvertError;

/// The output of a conversion.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// The existing file.
    found: Option<Metadata>,
    /// True if the user did not choose the path.
    is_default: bool,
}

impl Output {
    /// Inspects `path`. Follows symbolic links, unless it `is_default`: another user who made the folder,
    /// such as the author of a checkout, may have chosen where they lead.
    ///
    /// # Errors
    /// Returns an error if it is a folder or cannot be inspected, or if the default path is a link, a pipe, a
    /// socket or a device.
    pub(crate) fn find(path: &Path, is_default: bool) -> Result<Self, ConvertError> {
        let failed = |error| ConvertError::Write { path: path.to_owned(), error };
        let foreign = |what| ConvertError::Foreign { path: path.to_owned(), what };
        let found = match if is_default { fs::symlink_metadata(path) } else { fs::metadata(path) } {
            Ok(found) if is_default && found.is_symlink() => {
                return Err(foreign("it is a symbolic link"));
            }
            Ok(found) if is_default && !found.is_dir() && !found.is_file() => {
                return Err(foreign("it is a pipe, a socket or a device"));
            }
            Ok(found) if found.is_dir() => {
                return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
            }
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path: path.to_owned(), found, is_default })
    }

    /// Returns the path of the output.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether writing overwrites a file. A device or a pipe loses nothing.
    pub(crate) fn overwrites(&self) -> bool {
        self.found.as_ref().is_some_and(Metadata::is_file)
    }

    /// Writes the whole list. If it `is_private`, others may not read the file.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written; an existing file is then unchanged.
    pub(crate) fn write(&self, text: &str, is_private: bool) -> Result<(), ConvertError> {
        let written = match &self.found {
            Some(found) if !found.is_file() => OpenOptions::new()
                .append(true)
                .open(&self.path)
                .and_then(|mut file| file.write_all(text.as_bytes())),
            found => self.replace(found.as_ref(), text, is_private),
        };
        written.map_err(|error| ConvertError::Write { path: self.path.clone(), error })
    }

    fn replace(&self, found: Option<&Metadata>, text: &str, is_private: bool) -> io::Result<()> {
        // A symbolic link that the user chose stays; its target is replaced.
        let path = match found {
            Some(_) if !self.is_default => fs::canonicalize(&self.path)?,
            _ => self.path.clone(),
        };
        let created = Permissions::from_mode(if is_private { 0o600 } else { 0o666 });
        let permissions = found.map(|found| {
            let mode = found.permissions().mode();
            Permissions::from_mode(if is_private { mode & !0o077 } else { mode })
        });
        replace_at(&path, text.as_bytes(), created, permissions)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::Output;

    #[test]
    fn a_link_and_the_permissions_survive() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        let output = Output::find(&link, false).unwrap();
        assert!(output.overwrites());
        output.write("new", false).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn a_device_is_written_and_a_folder_is_refused() {
        let null = Output::find("/dev/null".as_ref(), false).unwrap();
        assert!(!null.overwrites());
        null.write("x", true).unwrap();
        assert!(Output::find("/".as_ref(), false).is_err());
    }

    #[test]
    fn the_default_path_has_a_file_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "old").unwrap();
        for (name, target) in [("link", "file"), ("dangling", "none"), ("circle", "circle")] {
            symlink(target, folder.path().join(name)).unwrap();
            let error = Output::find(&folder.path().join(name), true).unwrap_err();
            assert!(error.to_string().ends_with("it is a symbolic link"), "{error}");
            assert!(error.hint().is_some());
        }
        let error = Output::find("/dev/null".as_ref(), true).unwrap_err();
        assert!(error.to_string().ends_with("it is a pipe, a socket or a device"), "{error}");
        assert!(Output::find("/".as_ref(), true).is_err());
        let output = Output::find(&file, true).unwrap();
        assert!(output.overwrites());
        // A link that appears later is replaced, and its target stays.
        fs::rename(&file, folder.path().join("target")).unwrap();
        symlink("target", &file).unwrap();
        output.write("new", true).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("target")).unwrap(), "old");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
