//! Moves one blob: opens both ends, then sends one body or chunks.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use longshore_store::{
    BlobStream, BlobTransfer, Fault, Operation, Placed, Prefix, StoreError, Trust, VerifiedBlob,
};

use crate::Client;
use crate::content::blob::LONGEST_PAUSE;
use crate::upload::attempt_error::AttemptError;
use crate::upload::attempts::{Attempts, NextStep};
use crate::upload::body::UploadBody;
use crate::upload::chunk::Chunk;
use crate::upload::place::unless_interrupted;
use crate::upload::session::{UploadSession, UploadStart};
use crate::upload::stall::Moved;

/// Below this size in bytes, a round trip costs more than a wasted download.
const WORTH_A_ROUND_TRIP: u64 = 128 * 1024;

impl Client {
    /// Uploads the blob unless it turns out to exist. `session` is a session that is already open.
    pub(crate) async fn upload_blob(
        &self,
        transfer: &BlobTransfer<'_>,
        mut session: Option<UploadSession>,
    ) -> Result<Placed, AttemptError> {
        if let Err(error) = check_empty(transfer) {
            if let Some(session) = session {
                self.cancel_upload(session, transfer.repository).await;
            }
            return Err(AttemptError::Source(error));
        }
        let mut attempts = Attempts::new(self, transfer, session.clone());
        loop {
            let attempt = self.attempt(transfer, session.take(), &mut attempts);
            let attempted = match unless_interrupted(transfer, attempt).await {
                Ok(attempted) => attempted,
                Err(interrupted) => {
                    self.cancel(transfer, &mut attempts).await;
                    return Err(interrupted);
                }
            };
            let error = match attempted {
                Ok(how) => {
                    if how == Placed::Moved && transfer.trust != Trust::Nothing {
                        self.calibrate(transfer.repository, &transfer.blob.digest).await;
                    }
                    return Ok(how);
                }
                Err(error) => error,
            };
            match self.next_attempt(&error, transfer, &mut attempts).await {
                NextStep::Done => return Ok(Placed::Moved),
                NextStep::Fail => {
                    // Nothing more is sent to a throttled registry.
                    let limited = matches!(&error, AttemptError::Destination(error) if error.is_rate_limited());
                    if !limited {
                        self.cancel(transfer, &mut attempts).await;
                    }
                    return Err(error);
                }
                NextStep::Retry(wait) => {
                    tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
                    self.abandon_session(&error, transfer, &mut attempts).await;
                    let waited = unless_interrupted(transfer, tokio::time::sleep(wait)).await;
                    if let Err(interrupted) = waited {
                        self.cancel(transfer, &mut attempts).await;
                        return Err(interrupted);
                    }
                    attempts.count_retry(&error);
                }
            }
        }
    }

    async fn attempt(
        &self,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
        attempts: &mut Attempts,
    ) -> Result<Placed, AttemptError> {
        (attempts.sent, attempts.in_chunks) = (None, false);
        // The permit is released with the attempt, so that others can transfer during the back-off.
        let _permit = self.transfer_permit(transfer).await?;
        let opened = self.open(transfer, session, attempts).await?;
        let Some((session, content)) = opened else { return Ok(Placed::Present) };
        self.send_blob(transfer, session, content, attempts).await?;
        attempts.session = None;
        Ok(Placed::Moved)
    }

    /// Opens both ends; returns `None` if the blob exists already.
    ///
    /// Both are opened at the same time if the blob most likely does not exist, or if a round trip
    /// costs more than a wasted download. The session is recorded in `attempts` as soon as it is
    /// open.
    async fn open(
        &self,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
        attempts: &mut Attempts,
    ) -> Result<Option<(UploadSession, BlobStream)>, AttemptError> {
        let both = match self.probes.found_in(transfer.repository) {
            _ if transfer.expected => false,
            Some(found) => !found,
            None => transfer.blob.size < WORTH_A_ROUND_TRIP,
        };
        let mut content = pin!(content(transfer, 0, attempts.wrong > 0));
        let mut early = None;
        let start = {
            let mut destination = pin!(self.open_upload(transfer, session));
            tokio::select! {
                start = &mut destination => start,
                content = &mut content, if both => {
                    early = Some(content);
                    destination.await
                }
            }
        };
        let start = start.map_err(AttemptError::Destination)?;
        let UploadStart::Session(session) = start else { return Ok(None) };
        attempts.session = Some(session.clone());
        let content = match early {
            Some(content) => content,
            None => content.await,
        };
        Ok(Some((session, content?)))
    }

    /// Sends the content into the session, as one body or in chunks.
    async fn send_blob(
        &self,
        transfer: &BlobTransfer<'_>,
        session: UploadSession,
        content: BlobStream,
        attempts: &mut Attempts,
    ) -> Result<(), AttemptError> {
        let blob = transfer.blob;
        let chunk = self.chunk_size(&session, blob.size, attempts.broken > 0);
        let outgoing = outgoing(transfer, content, Prefix::empty(blob));
        if let Some(chunk) = chunk.filter(|_| blob.size > 0) {
            attempts.in_chunks = true;
            return self.send_chunks(transfer, session, outgoing, chunk, attempts).await;
        }
        let moved = Arc::new(Moved::default());
        let body = outgoing.body(blob.size, &moved, &self.rates);
        attempts.sent = Some(0);
        let sent = self.upload(session, transfer.repository, blob, body, Arc::clone(&moved)).await;
        attempts.sent = Some(moved.bytes());
        match sent {
            Ok(()) => Ok(()),
            Err(error) => Err(match outgoing.take_failure().await {
                Some(source) => AttemptError::Source(source),
                None => AttemptError::Destination(error),
            }),
        }
    }

    /// Sends the blob in chunks, one after the other.
    ///
    /// After a broken chunk, the upload resumes at the offset that the registry reports.
    async fn send_chunks(
        &self,
        transfer: &BlobTransfer<'_>,
        mut session: UploadSession,
        mut out: UploadBody,
        chunk: u64,
        attempts: &mut Attempts,
    ) -> Result<(), AttemptError> {
        let (repository, blob) = (transfer.repository, transfer.blob);
        let mut kept = Prefix::empty(blob);
        let (mut backoff, mut waited) = (self.backoff(), Duration::ZERO);
        while kept.bytes < blob.size {
            let offset = kept.bytes;
            let length = chunk.min(blob.size - offset);
            let moved = Arc::new(Moved::default());
            let body = out.body(length, &moved, &self.rates);
            let part = Chunk { offset, length, body, moved };
            let error = match self.upload_chunk(&session, repository, blob, part).await {
                Ok(next) => {
                    session = next;
                    attempts.session = Some(session.clone());
                    kept = out.prefix().await;
                    (backoff, waited) = (self.backoff(), Duration::ZERO);
                    continue;
                }
                Err(error) => error,
            };
            if let Some(source) = out.take_failure().await {
                return Err(AttemptError::Source(source));
            }
            // An upload that has to wait longer releases its permits.
            let wait = backoff.after(&error).filter(|wait| waited + *wait <= LONGEST_PAUSE);
            let Some(wait) = wait else { return Err(AttemptError::Destination(error)) };
            waited += wait;
            tracing::debug!("{error}; resuming at byte {offset} in {:.1} s", wait.as_secs_f32());
            tokio::time::sleep(wait).await;
            self.budget.effort.count_retry();
            let Ok((next, has)) = self.upload_status(&session, repository, blob).await else {
                return Err(AttemptError::Destination(error));
            };
            let Some(had) = has.checked_sub(offset) else {
                return Err(AttemptError::Destination(error));
            };
            session = next;
            attempts.session = Some(session.clone());
            let content = content(transfer, offset, attempts.wrong > 0).await?;
            let mut rest = verified(transfer, content, kept);
            rest.pass(had).await.map_err(AttemptError::Source)?;
            kept = rest.prefix();
            out = UploadBody::new(rest);
        }
        attempts.sent = Some(blob.size);
        let closed = self.close_upload(session, repository, blob).await;
        closed.map_err(AttemptError::Destination)
    }
}

/// Opens the blob's bytes from `offset` on; `wrong` tells that its content failed verification
/// before.
async fn content(
    transfer: &BlobTransfer<'_>,
    offset: u64,
    wrong: bool,
) -> Result<BlobStream, AttemptError> {
    transfer.source.open(transfer.blob, offset, wrong).await.map_err(AttemptError::Source)
}

fn verified(transfer: &BlobTransfer<'_>, content: BlobStream, prefix: Prefix) -> VerifiedBlob {
    VerifiedBlob::new(content, transfer.blob.clone(), prefix, transfer.progress.clone())
}

fn outgoing(transfer: &BlobTransfer<'_>, content: BlobStream, prefix: Prefix) -> UploadBody {
    UploadBody::new(verified(transfer, content, prefix))
}

/// Checks the digest of an empty blob before the upload: without a body, no last piece can be
/// withheld.
fn check_empty(transfer: &BlobTransfer<'_>) -> Result<(), StoreError> {
    let (blob, source) = (transfer.blob, &transfer.source);
    let found = blob.digest.same_algorithm_of(b"");
    if blob.size > 0 || found == blob.digest {
        return Ok(());
    }
    let expected = blob.digest.clone();
    let target = format!("{} of {}/{}", blob.digest, source.store.name(), source.repository);
    Err(Operation::new("fetch blob", target).wrong_content(Fault::Digest { expected, found }))
}
