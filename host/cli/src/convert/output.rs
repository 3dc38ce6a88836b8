//! Writes a list into a file, which it replaces as a whole by renaming, or into a device or pipe.

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::ConvertError;

/// The output of a conversion.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// The existing file.
    found: Option<Metadata>,
}

impl Output {
    /// Inspects `path`, and follows symbolic links.
    ///
    /// # Errors
    /// Returns an error if it is a folder or cannot be inspected.
    pub(crate) fn find(path: &Path) -> Result<Self, ConvertError> {
        let failed = |error| ConvertError::Write { path: path.to_owned(), error };
        let found = match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(failed(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
            }
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path: path.to_owned(), found })
    }

    /// Returns the path of the output.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether writing overwrites a file. A device or a pipe loses nothing.
    pub(crate) fn overwrites(&self) -> bool {
        self.found.as_ref().is_some_and(Metadata::is_file)
    }

    /// Writes the whole list.
    ///
    /// # Errors
    /// Returns an error if the list cannot be written; an existing file is then unchanged.
    pub(crate) fn write(&self, text: &str) -> Result<(), ConvertError> {
        let written = match &self.found {
            Some(found) if !found.is_file() => OpenOptions::new()
                .append(true)
                .open(&self.path)
                .and_then(|mut file| file.write_all(text.as_bytes())),
            found => self.replace(found.as_ref(), text),
        };
        written.map_err(|error| ConvertError::Write { path: self.path.clone(), error })
    }

    fn replace(&self, found: Option<&Metadata>, text: &str) -> io::Result<()> {
        // A symbolic link stays; its target is replaced.
        let path = match found {
            Some(_) => fs::canonicalize(&self.path)?,
            None => self.path.clone(),
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut file = tempfile::Builder::new()
            .prefix(".longshore-list-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        if let Some(found) = found {
            file.as_file().set_permissions(found.permissions())?;
        }
        file.write_all(text.as_bytes())?;
        file.as_file().sync_data()?;
        file.persist(&path).map(drop).map_err(|error| error.error)
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
        let output = Output::find(&link).unwrap();
        assert!(output.overwrites());
        output.write("new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn a_device_is_written_and_a_folder_is_refused() {
        let null = Output::find("/dev/null".as_ref()).unwrap();
        assert!(!null.overwrites());
        null.write("x").unwrap();
        assert!(Output::find("/".as_ref()).is_err());
    }
}
