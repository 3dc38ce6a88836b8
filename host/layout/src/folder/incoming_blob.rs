//! A blob that is being written, and is in no repository yet.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{Algorithm, Digest, Repository};

use super::batches::Append;
use super::disk::Disk;
use super::files::digest_of;

/// The bytes of a blob from its start, in a file that is removed when it is dropped. All calls block.
#[derive(Debug)]
pub(crate) struct IncomingBlob {
    disk: Arc<Disk>,
    /// `None`: nothing was written yet, or it was placed.
    path: Option<PathBuf>,
    file: Option<File>,
    length: u64,
}

impl IncomingBlob {
    pub(super) const fn new(disk: Arc<Disk>) -> Self {
        Self { disk, path: None, file: None, length: 0 }
    }

    /// How many bytes were written.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Whether it is in its repository already.
    pub(crate) const fn is_placed(&self) -> bool {
        self.path.is_none() && self.length > 0
    }

    /// Writes the next bytes, all of them or none.
    ///
    /// # Errors
    /// The file cannot be written; or the blob is in its repository already.
    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let length = self.length;
        let file = self.opened()?;
        if let Err(error) = file.write_all(piece) {
            // A part of the piece may be there.
            file.set_len(length)?;
            return Err(error);
        }
        self.length += piece.len() as u64;
        Ok(())
    }

    /// Closes the file until more is written: uploads that wait must not use up the process's files.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// Reads the file again for its digest.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn digest(&mut self, algorithm: Algorithm) -> io::Result<Digest> {
        self.opened()?;
        let path = self.path.as_ref().ok_or(io::ErrorKind::NotFound)?;
        digest_of(&mut File::open(path)?, algorithm)
    }

    /// Flushes the blob and moves it into `repository`. The caller knows that it has this digest.
    ///
    /// # Errors
    /// The file cannot be flushed or moved.
    pub(crate) fn place(&mut self, repository: &Repository, digest: &Digest) -> io::Result<()> {
        self.opened()?;
        let stamp = self.file.take().map(|file| self.disk.seal(&file)).transpose()?;
        let path = self.path.as_ref().ok_or(io::ErrorKind::NotFound)?;
        self.disk.place_blob(path, repository, digest)?;
        if let Some(stamp) = stamp {
            self.disk.remember_written(stamp, digest);
        }
        self.path = None;
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        if self.is_placed() {
            return Err(io::Error::other("the blob is complete"));
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = File::options();
                let path = match &self.path {
                    // It must not begin again without what it had.
                    Some(path) => path,
                    None => {
                        options.create_new(true);
                        self.path.insert(self.disk.incoming()?)
                    }
                };
                options.append(true).open(path)?
            }
        };
        Ok(self.file.insert(file))
    }
}

impl Append for IncomingBlob {
    fn append(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        pieces.iter().try_for_each(|piece| self.write(piece))
    }
}

impl Drop for IncomingBlob {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
