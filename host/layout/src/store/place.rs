//! Placing one blob in one repository: it exists already, is linked from another repository, or is read
//! from its source and written.

use std::io;
use std::pin::pin;
use std::time::Duration;

use longshore_oci::Repository;
use longshore_store::{
    Admission, BlobPresence, BlobTransfer, Fault, Interrupt, Placed, Prefix, Retries, StoreError,
    TransferFailure, Trust, VerifiedBlob,
};

use super::LayoutStore;
use crate::folder::{Append as _, Batches, IncomingBlob, blocking};

/// How much of a blob is taken from its source at once, in bytes.
const PIECE: u64 = 512 * 1024;

impl LayoutStore {
    /// Ensures that a repository of this folder holds a blob.
    pub(super) async fn place(
        &self,
        transfer: &BlobTransfer<'_>,
    ) -> Result<Placed, TransferFailure> {
        let presence = unless_interrupted(transfer.interrupt, self.presence(transfer)).await?;
        let homes = match presence.map_err(TransferFailure::Destination)? {
            BlobPresence::Present => return Ok(Placed::Present),
            // A link to a file that may be the same damaged one repairs nothing.
            BlobPresence::OtherContent(_) => Vec::new(),
            BlobPresence::Absent | BlobPresence::OtherSize(_) => self.homes(transfer),
        };
        for home in homes {
            let good = unless_interrupted(transfer.interrupt, self.is_good(transfer, home)).await?;
            if !good.map_err(TransferFailure::Destination)? {
                continue;
            }
            let mounted =
                unless_interrupted(transfer.interrupt, self.mount(transfer, home)).await?;
            if mounted.map_err(TransferFailure::Destination)? {
                return Ok(Placed::Mounted(home.clone()));
            }
        }
        self.move_in(transfer).await.map(|()| Placed::Moved)
    }

    /// Looks for the blob in its repository, and verifies its content unless a probe suffices.
    async fn presence(&self, transfer: &BlobTransfer<'_>) -> Result<BlobPresence, StoreError> {
        match transfer.trust {
            Trust::Probe => self.look_up_blob(transfer.repository, transfer.blob).await,
            Trust::Verify | Trust::Nothing => {
                self.hash_blob(transfer.repository, transfer.blob).await
            }
        }
    }

    /// Whether the blob may be linked from `home`: with [`Trust::Verify`] its content there is verified.
    async fn is_good(
        &self,
        transfer: &BlobTransfer<'_>,
        home: &Repository,
    ) -> Result<bool, StoreError> {
        match transfer.trust {
            Trust::Verify => {
                Ok(self.hash_blob(home, transfer.blob).await? == BlobPresence::Present)
            }
            Trust::Probe | Trust::Nothing => Ok(true),
        }
    }

    /// The other repositories of this folder that may have the blob.
    fn homes<'a>(&self, transfer: &BlobTransfer<'a>) -> Vec<&'a Repository> {
        if transfer.trust == Trust::Nothing {
            return Vec::new();
        }
        let source = &transfer.source;
        let is_here = self.is_same_folder(source.store.as_ref());
        let homes = transfer.from.into_iter().chain(is_here.then_some(source.repository));
        homes.filter(|home| *home != transfer.repository).collect()
    }

    /// Links the blob from `home`; false if a file of the right size is not there.
    async fn mount(
        &self,
        transfer: &BlobTransfer<'_>,
        home: &Repository,
    ) -> Result<bool, StoreError> {
        let blob = transfer.blob;
        let mounted = self.folder.mount(&blob.digest, Some(blob.size), home, transfer.repository);
        mounted.await.map_err(|error| {
            let operation = self.on_blob("link blob", transfer.repository, &blob.digest);
            self.failed(operation, &error)
        })
    }

    /// Reads the blob from its source and writes it. Tries a source that fails again, as its back-off
    /// allows.
    async fn move_in(&self, transfer: &BlobTransfer<'_>) -> Result<(), TransferFailure> {
        let mut attempts = Attempts::new(transfer);
        loop {
            let error = match self.attempt(transfer, &mut attempts).await {
                Err(TransferFailure::Source(error)) => error,
                done => return done,
            };
            let Some(wait) = attempts.wait_after(&error) else {
                return Err(TransferFailure::Source(error));
            };
            tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
            unless_interrupted(transfer.interrupt, tokio::time::sleep(wait)).await?;
            attempts.retries.count();
        }
    }

    async fn attempt(
        &self,
        transfer: &BlobTransfer<'_>,
        attempts: &mut Attempts,
    ) -> Result<(), TransferFailure> {
        let (blob, interrupt) = (transfer.blob, transfer.interrupt);
        attempts.began = false;
        let opened = async {
            let admission = match transfer.source.bytes {
                Some(_) => Admission::free(),
                None => transfer.source.store.admit(transfer.image, blob.size).await?,
            };
            let content = transfer.source.open(blob, 0, attempts.wrong > 0).await?;
            Ok((admission, content))
        };
        let opened = unless_interrupted(interrupt, opened).await?;
        // The admission ends with the attempt: while this one waits to try again, others may read.
        let (_admission, content) = opened.map_err(TransferFailure::Source)?;
        let progress = transfer.progress.clone();
        let mut content = VerifiedBlob::new(content, blob.clone(), Prefix::empty(blob), progress);
        let mut batches = Batches::new(self.folder.incoming_blob());
        loop {
            let failure = match unless_interrupted(interrupt, content.next(PIECE)).await {
                Ok(Ok(Some(piece))) => {
                    attempts.began = true;
                    let pushed = batches.push(piece).await;
                    pushed.map_err(|error| self.not_written(transfer, &error))?;
                    continue;
                }
                Ok(Ok(None)) => break,
                Ok(Err(error)) => TransferFailure::Source(error),
                Err(interrupted) => interrupted,
            };
            // The partial file is removed before anybody hears of the failure.
            batches.stop().await;
            return Err(failure);
        }
        let finished = async {
            let (incoming, rest) = batches.finish().await?;
            let (repository, digest) = (transfer.repository.clone(), blob.digest.clone());
            blocking(move || {
                let mut incoming: IncomingBlob = incoming;
                incoming.append(&rest)?;
                incoming.place(&repository, &digest)
            })
            .await
        };
        let finished = unless_interrupted(interrupt, finished).await?;
        finished.map_err(|error| self.not_written(transfer, &error))
    }

    fn not_written(&self, transfer: &BlobTransfer<'_>, error: &io::Error) -> TransferFailure {
        let digest = &transfer.blob.digest;
        let operation = self.on_blob("write blob", transfer.repository, digest);
        TransferFailure::Destination(self.failed(operation, error))
    }
}

/// The attempts to read one blob so far.
struct Attempts {
    retries: Box<dyn Retries>,
    /// How often the content was not what its descriptor says.
    wrong: u32,
    /// Some of the content arrived in the last attempt.
    began: bool,
}

impl Attempts {
    fn new(transfer: &BlobTransfer<'_>) -> Self {
        Self { retries: transfer.source.store.retries(), wrong: 0, began: false }
    }

    /// How long to wait before the next attempt; `None` if there is no next attempt.
    fn wait_after(&mut self, error: &StoreError) -> Option<Duration> {
        if error.is_wrong_content() {
            self.wrong += 1;
            // Content that failed verification twice is not fetched again.
            if self.wrong > 1 {
                return None;
            }
        }
        // The source has already resumed a broken stream as often as its back-off allows.
        if self.began && *error.fault == Fault::Broken {
            return None;
        }
        self.retries.after(error)
    }
}

/// Does `work`, unless the run is interrupted before it ends.
async fn unless_interrupted<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = T>,
) -> Result<T, TransferFailure> {
    let mut interrupt = interrupt.clone();
    let mut work = pin!(work);
    tokio::select! {
        biased;
        () = interrupt.raised() => Err(TransferFailure::Interrupted),
        done = &mut work => Ok(done),
    }
}
