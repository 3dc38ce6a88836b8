//! A blob on its way in: written to a file and hashed at once.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::BodyDataStream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::OwnedMutexGuard;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::oci::{Algorithm, Digest, Hasher, Repository};

use super::answer::{Code, Refusal};
use super::disk::{Disk, digest_of_file};
use super::layout::blocking;

/// What is gathered before it goes to the disk: one hop to another thread for so many bytes.
const BATCH: usize = 512 * 1024;

/// Content that is being received.
#[derive(Debug)]
pub(super) struct Spool {
    disk: Arc<Disk>,
    path: PathBuf,
    /// Open during a request only: sessions that wait must not use up the process's files.
    file: Option<File>,
    /// Is there something at `path`?
    begun: bool,
    hasher: Hasher,
    received: u64,
}

impl Spool {
    pub(super) fn new(disk: Arc<Disk>) -> Self {
        Self {
            path: disk.incoming(),
            disk,
            file: None,
            begun: false,
            hasher: Hasher::new(Algorithm::Sha256),
            received: 0,
        }
    }

    /// The bytes that are there.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Prepares for content with this digest, so that it need not be read again to be checked.
    pub(super) fn expect(&mut self, digest: &Digest) {
        if self.received == 0 {
            self.hasher = Hasher::new(digest.algorithm());
        }
    }

    /// Was it put into its repository by a request whose client did not wait for the answer?
    const fn is_placed(&self) -> bool {
        !self.begun && self.received > 0
    }

    fn append(&mut self, frames: &[Bytes]) -> io::Result<()> {
        if self.is_placed() {
            return Err(io::Error::other("the upload is complete"));
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::options().append(true).create(true).open(&self.path)?,
        };
        self.begun = true;
        for frame in frames {
            if let Err(error) = file.write_all(frame) {
                // A part of the frame may be there: the file must not know more than the hash.
                file.set_len(self.received)?;
                return Err(error);
            }
            self.hasher.update(frame);
            self.received += frame.len() as u64;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Ends a request that is not the last of its upload.
    fn pause(&mut self, frames: &[Bytes]) -> io::Result<()> {
        let appended = if frames.is_empty() { Ok(()) } else { self.append(frames) };
        self.file = None;
        appended
    }

    /// Puts the content into the repository; false if its digest is another one.
    fn finish(
        &mut self,
        frames: &[Bytes],
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<bool> {
        if self.is_placed() && frames.is_empty() {
            return Ok(self.hasher.clone().finish() == *digest);
        }
        self.append(frames)?;
        let found = if self.hasher_fits(digest) {
            self.hasher.clone().finish()
        } else {
            digest_of_file(&self.path, digest.algorithm())?
        };
        if found != *digest {
            return Ok(false);
        }
        if let Some(file) = self.file.take() {
            self.disk.flush(&file)?;
        }
        let size = self.received;
        self.disk.place_blob(&self.path, size, repository, digest)?;
        self.begun = false;
        Ok(true)
    }

    const fn hasher_fits(&self, digest: &Digest) -> bool {
        matches!(
            (&self.hasher, digest.algorithm()),
            (Hasher::Sha256(_), Algorithm::Sha256) | (Hasher::Sha512(_), Algorithm::Sha512)
        )
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.begun {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A spool whose holder alone writes to it.
pub(super) type Held = OwnedMutexGuard<Spool>;

/// A spool, here or with the thread that writes to it.
enum Spooling {
    Here(Held),
    Writing(JoinHandle<io::Result<Held>>),
}

impl Spooling {
    async fn held(self) -> Result<Held, Refusal> {
        match self {
            Self::Here(held) => Ok(held),
            Self::Writing(writing) => {
                let held = writing.await.map_err(io::Error::other).flatten();
                held.map_err(|error| Refusal::fault("write the blob", &error))
            }
        }
    }

    /// Begins to write a batch, after the one before.
    async fn append(self, batch: Vec<Bytes>) -> Result<Self, Refusal> {
        let mut held = self.held().await?;
        Ok(Self::Writing(spawn_blocking(move || {
            held.append(&batch)?;
            Ok(held)
        })))
    }
}

/// Receives a body. The last frames are given back, to be written together with what comes next.
///
/// What arrived of a body that broke stays, so that the client can go on from there.
pub(super) async fn receive(
    held: Held,
    body: &mut BodyDataStream,
) -> Result<(Held, Vec<Bytes>), Refusal> {
    let mut spooling = Spooling::Here(held);
    let mut gathered = Vec::new();
    let mut size = 0;
    while let Some(frame) = body.next().await {
        match frame {
            Ok(frame) => {
                size += frame.len();
                gathered.push(frame);
            }
            Err(error) => {
                pause(spooling.held().await?, gathered).await?;
                let message = format!("the body ended early: {error}");
                return Err(Refusal::bad(Code::BlobUploadInvalid, message));
            }
        }
        if size >= BATCH {
            // While this batch is written the next one is received.
            spooling = spooling.append(std::mem::take(&mut gathered)).await?;
            size = 0;
        }
    }
    Ok((spooling.held().await?, gathered))
}

/// Writes the last frames of a request and says how much is there.
pub(super) async fn pause(mut held: Held, frames: Vec<Bytes>) -> Result<u64, Refusal> {
    let paused = blocking(move || {
        held.pause(&frames)?;
        Ok(held.received())
    });
    paused.await.map_err(|error| Refusal::fault("write the blob", &error))
}

/// Writes the last frames of an upload and puts the blob into its repository.
pub(super) async fn finish(
    mut held: Held,
    frames: Vec<Bytes>,
    repository: &Repository,
    digest: &Digest,
) -> Result<(), Refusal> {
    let (repository, wanted) = (repository.clone(), digest.clone());
    let finished = blocking(move || held.finish(&frames, &repository, &wanted)).await;
    match finished.map_err(|error| Refusal::fault("write the blob", &error))? {
        true => Ok(()),
        false => {
            let message = format!("the content has another digest than {digest}");
            Err(Refusal::bad(Code::DigestInvalid, message))
        }
    }
}
