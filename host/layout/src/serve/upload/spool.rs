//! A blob on its way in: written to a file and hashed at once.

use std::io;

use bytes::Bytes;
use longshore_oci::{Algorithm, Digest, Hasher, Repository};
use tokio::sync::OwnedMutexGuard;

use crate::folder::{Append, Batches, IncomingBlob, blocking};
use crate::serve::net::RequestBody;
use crate::serve::response::{Code, Refusal};

/// Content that is being received.
#[derive(Debug)]
pub(super) struct Spool {
    blob: IncomingBlob,
    hasher: Hasher,
}

impl Spool {
    pub(super) fn new(blob: IncomingBlob) -> Self {
        Self { blob, hasher: Hasher::new(Algorithm::Sha256) }
    }

    /// How many bytes were received.
    pub(super) const fn received(&self) -> u64 {
        self.blob.length()
    }

    /// Prepares for content with this digest, so that it need not be read again to be checked.
    pub(super) fn expect(&mut self, digest: &Digest) {
        if self.received() == 0 {
            self.hasher = Hasher::new(digest.algorithm());
        }
    }

    fn append(&mut self, frames: &[Bytes]) -> io::Result<()> {
        for frame in frames {
            self.blob.write(frame)?;
            self.hasher.update(frame);
        }
        Ok(())
    }

    /// Ends a request that is not the last of its upload.
    fn pause(&mut self, frames: &[Bytes]) -> io::Result<()> {
        let appended = self.append(frames);
        self.blob.close();
        appended
    }

    /// Puts the content into the repository; false if its digest is another one.
    fn finish(
        &mut self,
        frames: &[Bytes],
        repository: &Repository,
        digest: &Digest,
    ) -> io::Result<bool> {
        // An earlier request put it there, and its client did not wait for the response.
        if self.blob.is_placed() && frames.is_empty() {
            return Ok(self.hasher.clone().finish() == *digest);
        }
        self.append(frames)?;
        let hashed = self.hasher.clone().finish();
        let found = if hashed.algorithm() == digest.algorithm() {
            hashed
        } else {
            self.blob.digest(digest.algorithm())?
        };
        if found != *digest {
            return Ok(false);
        }
        self.blob.place(repository, digest)?;
        Ok(true)
    }
}

/// A spool that only its holder writes to.
pub(super) type LockedSpool = OwnedMutexGuard<Spool>;

impl Append for LockedSpool {
    fn append(&mut self, pieces: &[Bytes]) -> io::Result<()> {
        Spool::append(self, pieces)
    }
}

/// Receives a body. The last frames are given back, to be written together with what comes next.
///
/// What arrived of a body that broke stays, so that the client can go on from there.
pub(super) async fn receive(
    spool: LockedSpool,
    body: &mut RequestBody,
) -> Result<(LockedSpool, Vec<Bytes>), Refusal> {
    let mut batches = Batches::new(spool);
    let fault = |error: io::Error| Refusal::fault("write the blob", &error);
    while let Some(frame) = body.next().await {
        match frame {
            Ok(frame) => batches.push(frame).await.map_err(fault)?,
            Err(error) => {
                let (spool, rest) = batches.finish().await.map_err(fault)?;
                pause(spool, rest).await?;
                return Err(Refusal::body(Code::BlobUploadInvalid, &error));
            }
        }
    }
    batches.finish().await.map_err(fault)
}

/// Writes the last frames of a request and says how many bytes were received in all.
pub(super) async fn pause(mut spool: LockedSpool, frames: Vec<Bytes>) -> Result<u64, Refusal> {
    let paused = blocking(move || {
        spool.pause(&frames)?;
        Ok(spool.received())
    });
    paused.await.map_err(|error| Refusal::fault("write the blob", &error))
}

/// Writes the last frames of an upload and puts the blob into its repository.
pub(super) async fn finish(
    mut spool: LockedSpool,
    frames: Vec<Bytes>,
    repository: &Repository,
    digest: &Digest,
) -> Result<(), Refusal> {
    let (repository, wanted) = (repository.clone(), digest.clone());
    let finished = blocking(move || spool.finish(&frames, &repository, &wanted)).await;
    match finished.map_err(|error| Refusal::fault("write the blob", &error))? {
        true => Ok(()),
        false => {
            let message = format!("the content has another digest than {digest}");
            Err(Refusal::bad(Code::DigestInvalid, message))
        }
    }
}
