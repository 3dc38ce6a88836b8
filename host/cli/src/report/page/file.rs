//! The file of a page: opened before the run, and replaced as a whole at the end.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::report::ReportError;
use crate::report::failed_list::{FailedListFile, Place, Replaceable, is_same};

/// The file of a page.
#[derive(Debug)]
pub(crate) struct PageFile {
    /// The path as the user named it.
    path: PathBuf,
    place: Replaceable,
    /// The new file, in the same folder.
    file: NamedTempFile,
}

impl PageFile {
    /// Prepares the page at `path`, so that a path that cannot be written is refused before the run. `taken`
    /// are other files of the run, each with its name in messages. If `is_private`, others may not read the
    /// page.
    ///
    /// # Errors
    /// Returns an error if the page could not be written at the end either.
    pub(crate) fn open(
        path: &Path,
        taken: &[(&'static str, &Path)],
        is_private: bool,
    ) -> Result<Self, ReportError> {
        let failed = |cause| ReportError::page(path, cause);
        if let Some((what, _)) = taken.iter().find(|(_, other)| is_same(path, other)) {
            return Err(ReportError::PageTaken { path: path.to_owned(), what });
        }
        if path == Path::new("-") {
            let what = "standard output, which has the summary";
            return Err(ReportError::PageTaken { path: path.to_owned(), what });
        }
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            return Err(ReportError::PageNoFile(path.to_owned()));
        }
        let place = Place::find(FailedListFile { path, is_default: false, is_private, run: "" });
        let place = match place {
            Ok(Place::File(place)) => place,
            Ok(Place::Stream(_)) | Err(ReportError::Directory(_)) => {
                return Err(ReportError::PageNoFile(path.to_owned()));
            }
            Err(ReportError::Write { cause, .. }) => return Err(failed(cause.0)),
            Err(other) => return Err(other),
        };
        let file = place.beside(".longshore-report-").map_err(failed)?;
        Ok(Self { path: path.to_owned(), place, file })
    }

    /// Writes the page with `write`, and replaces the file at the path by it.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written. The file at the path then stays as it was.
    pub(in crate::report) fn finish(
        self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), ReportError> {
        let Self { path, place, file } = self;
        let mut buffered = BufWriter::new(file.as_file());
        let written = write(&mut buffered)
            .and_then(|()| buffered.flush())
            // Some file systems report a full disk only here.
            .and_then(|()| file.as_file().sync_data());
        drop(buffered);
        written
            .and_then(|()| place.replace_by(file))
            .map_err(|cause| ReportError::page(&path, cause))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::PageFile;

    fn refused(path: &Path, taken: &[(&'static str, &Path)]) -> String {
        PageFile::open(path, taken, false).unwrap_err().to_string()
    }

    #[test]
    fn a_path_that_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let list = at("list.txt");
        fs::write(&list, "a b c\n").unwrap();
        assert!(refused(folder.path(), &[]).ends_with("it is not a file"));
        assert!(refused(&at("new/"), &[]).ends_with("it is not a file"));
        assert!(refused(Path::new("/dev/null"), &[]).ends_with("it is not a file"));
        assert!(refused(&at("no/such/page.html"), &[]).ends_with("no such directory"));
        let dotted = folder.path().join(".").join("list.txt");
        let why = refused(&dotted, &[("the image list", &list)]);
        assert!(why.ends_with("it is the image list"), "{why}");
        let failed = at("failed.txt");
        let why = refused(&at("failed.txt"), &[("the failed list", &failed)]);
        assert!(why.ends_with("it is the failed list"), "{why}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left behind");
    }

    #[test]
    fn a_page_arrives_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        fs::write(&path, "old").unwrap();
        let page = PageFile::open(&path, &[], false).unwrap();
        let broken = page.finish(|out| {
            out.write_all(b"half")?;
            Err(std::io::ErrorKind::StorageFull.into())
        });
        assert!(broken.unwrap_err().to_string().starts_with("write the report "));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        drop(PageFile::open(&path, &[], false).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old", "a run that ended early");
        let page = PageFile::open(&path, &[], false).unwrap();
        page.finish(|out| out.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was left behind");
    }
}
