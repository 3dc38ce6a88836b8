//! Moving one blob: both ends open, and then one body or chunks.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::attempts::{Attempts, Next};
use super::blob::Trust;
use super::body::{Content, Prefix, Shared, Verified, body};
use super::copy::Copy;
use super::{TransferError, Transferred};
use crate::oci::Descriptor;
use crate::registry::{
    Cause, Chunk, LONGEST_PAUSE, Operation, RegistryError, UploadSession, UploadStart, stream_body,
};

/// Below this size a round trip costs more than a download in vain, in bytes.
const WORTH_A_ROUND_TRIP: u64 = 128 * 1024;

impl Copy<'_> {
    /// Uploads the blob unless it turns out to be there. `session` is one that is open already.
    pub(super) async fn upload(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        mut session: Option<UploadSession>,
    ) -> Result<Transferred, TransferError> {
        let source = &self.job.source;
        let known = || self.run.bad_content.of(&source.registry, &source.repository, &blob.digest);
        if let Some(error) = check_empty(blob).err().or_else(known) {
            if let Some(session) = session {
                self.destination.cancel_upload(session, &self.job.destination.repository).await;
            }
            return Err(TransferError::Source(error));
        }
        let _copies = self.seat.copies().await;
        let mut attempts = Attempts::new(self, session.clone());
        loop {
            let attempt = self.attempt(blob, bytes, session.take(), &mut attempts);
            let attempted = match self.unless_interrupted(attempt).await {
                Ok(attempted) => attempted,
                Err(interrupted) => {
                    self.cancel(&mut attempts).await;
                    return Err(interrupted);
                }
            };
            let error = match attempted {
                Ok(how) => {
                    if how == Transferred::Moved && self.trust == Trust::Probe {
                        let repository = &self.job.destination.repository;
                        self.destination.calibrate(repository, &blob.digest).await;
                    }
                    return Ok(how);
                }
                Err(error) => error,
            };
            match self.next(&error, blob, &mut attempts).await {
                Next::Done => return Ok(Transferred::Moved),
                Next::Fail => {
                    // Who is limited is asked nothing more.
                    let limited = error.of_registry().is_some_and(RegistryError::is_limited);
                    if !limited || matches!(error, TransferError::Source(_)) {
                        self.cancel(&mut attempts).await;
                    }
                    return Err(error);
                }
                Next::Retry(wait) => {
                    tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
                    self.let_go(&error, &mut attempts).await;
                    if let Err(interrupted) =
                        self.unless_interrupted(tokio::time::sleep(wait)).await
                    {
                        self.cancel(&mut attempts).await;
                        return Err(interrupted);
                    }
                    self.run.registries.effort().made_again();
                }
            }
        }
    }

    async fn attempt(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        session: Option<UploadSession>,
        attempts: &mut Attempts,
    ) -> Result<Transferred, TransferError> {
        (attempts.sent, attempts.in_chunks) = (None, false);
        // Whoever waits to try again keeps nobody else from moving: the permit ends with the attempt.
        let source = bytes.is_none().then_some(&*self.source);
        let registries = &self.run.registries;
        let permit =
            registries.transfer_permit(source, &self.destination, self.job.number, blob.size);
        let _permit = permit.await.map_err(|error| self.at_destination(error))?;
        let opened = self.open(blob, bytes, session, attempts).await?;
        let Some((session, content)) = opened else { return Ok(Transferred::Present) };
        self.send(blob, bytes, session, content, attempts).await?;
        attempts.session = None;
        Ok(Transferred::Moved)
    }

    /// Opens both ends, at the same time where the blob is most likely not there and a round trip
    /// costs more than a download in vain. `None` where the blob is there already. The session is taken
    /// note of as soon as it is open.
    async fn open(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        session: Option<UploadSession>,
        attempts: &mut Attempts,
    ) -> Result<Option<(UploadSession, Content)>, TransferError> {
        let repository = &self.job.destination.repository;
        let found_before = self.placement.found_in(self.destination.registry(), repository);
        let both = match found_before {
            // The tag was there, so its blobs may be.
            _ if self.existed => false,
            Some(found) => !found,
            None => blob.size < WORTH_A_ROUND_TRIP,
        };
        let mut content = pin!(self.content(blob, bytes, 0, attempts.wrong > 0));
        let mut early = None;
        let start = {
            let mut destination = pin!(self.open_upload(blob, session));
            tokio::select! {
                start = &mut destination => start,
                content = &mut content, if both => {
                    early = Some(content);
                    destination.await
                }
            }
        };
        let UploadStart::Session(session) = start? else { return Ok(None) };
        attempts.session = Some(session.clone());
        let content = match early {
            Some(content) => content,
            None => content.await,
        };
        Ok(Some((session, content?)))
    }

    /// The blob's bytes from `offset` on, which may have been `wrong` before.
    async fn content(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        offset: u64,
        wrong: bool,
    ) -> Result<Content, TransferError> {
        if let Some(bytes) = bytes {
            let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(Content::Memory(bytes.slice(offset..)));
        }
        let opened = self.source.blob(&self.job.source.repository, blob, offset, wrong).await;
        opened.map(|stream| Content::Stream(Box::new(stream))).map_err(TransferError::Source)
    }

    /// Sends the content into the session, as one body or in chunks.
    async fn send(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        session: UploadSession,
        content: Content,
        attempts: &mut Attempts,
    ) -> Result<(), TransferError> {
        let chunk = self.destination.chunk_size(&session, blob.size, attempts.broken > 0);
        let verified = self.verified(blob, content, Prefix::empty(blob));
        if let Some(chunk) = chunk.filter(|_| blob.size > 0) {
            attempts.in_chunks = true;
            let sent = self.send_chunks(blob, bytes, session, verified, chunk, attempts);
            return sent.await;
        }
        let moved = Arc::new(AtomicU64::new(0));
        let out = stream_body(body(&verified, blob.size, &moved));
        let repository = &self.job.destination.repository;
        attempts.sent = Some(0);
        let sent =
            self.destination.upload(session, repository, blob, out, Arc::clone(&moved)).await;
        attempts.sent = Some(moved.load(Ordering::Relaxed));
        match sent {
            Ok(()) => Ok(()),
            Err(error) => Err(self.side_of(error, &verified).await),
        }
    }

    fn verified(&self, blob: &Descriptor, content: Content, prefix: Prefix) -> Shared {
        let (events, job) = (self.run.events.clone(), self.job.number);
        let verified = Verified::new(content, blob.clone(), prefix, events, job);
        Arc::new(tokio::sync::Mutex::new(verified))
    }

    /// Whose fault a broken body is.
    async fn side_of(&self, error: RegistryError, verified: &Shared) -> TransferError {
        match verified.lock().await.take_failure() {
            Some(source) => TransferError::Source(source),
            None => self.at_destination(error),
        }
    }

    /// Sends the blob in chunks, one after the other. A chunk that breaks is fetched and sent again
    /// from where the registry has it.
    async fn send_chunks(
        &self,
        blob: &Descriptor,
        bytes: Option<&Bytes>,
        mut session: UploadSession,
        mut verified: Shared,
        chunk: u64,
        attempts: &mut Attempts,
    ) -> Result<(), TransferError> {
        let repository = &self.job.destination.repository;
        let mut kept = Prefix::empty(blob);
        let (mut waits, mut waited) = (self.destination.waits(), Duration::ZERO);
        while kept.bytes < blob.size {
            let offset = kept.bytes;
            let length = chunk.min(blob.size - offset);
            let moved = Arc::new(AtomicU64::new(0));
            let body = stream_body(body(&verified, length, &moved));
            let part = Chunk { offset, length, body, moved };
            let error = match self.destination.upload_chunk(&session, repository, blob, part).await
            {
                Ok(next) => {
                    session = next;
                    attempts.session = Some(session.clone());
                    kept = verified.lock().await.prefix();
                    (waits, waited) = (self.destination.waits(), Duration::ZERO);
                    continue;
                }
                Err(error) => self.side_of(error, &verified).await,
            };
            let TransferError::Destination(cause) = &error else { return Err(error) };
            // Who waits longer gives its places to others.
            let wait = waits.after(cause).filter(|wait| waited + *wait <= LONGEST_PAUSE);
            let Some(wait) = wait else { return Err(error) };
            waited += wait;
            tracing::debug!("{error}; going on at byte {offset} in {:.1} s", wait.as_secs_f32());
            tokio::time::sleep(wait).await;
            self.run.registries.effort().made_again();
            let Ok((next, has)) = self.destination.upload_status(&session, repository, blob).await
            else {
                return Err(error);
            };
            let Some(had) = has.checked_sub(offset) else { return Err(error) };
            session = next;
            attempts.session = Some(session.clone());
            let content = self.content(blob, bytes, offset, attempts.wrong > 0).await?;
            verified = self.verified(blob, content, kept);
            let mut rest = verified.lock().await;
            rest.pass(had).await.map_err(TransferError::Source)?;
            kept = rest.prefix();
        }
        attempts.sent = Some(blob.size);
        self.destination
            .close_upload(session, repository, blob)
            .await
            .map_err(|error| self.at_destination(error))
    }
}

/// An upload without a body has nothing to withhold, so its digest is checked before.
fn check_empty(blob: &Descriptor) -> Result<(), RegistryError> {
    let found = blob.digest.same_algorithm_of(b"");
    if blob.size > 0 || found == blob.digest {
        return Ok(());
    }
    let expected = blob.digest.clone();
    Err(Operation::new("fetch blob", &blob.digest).failed(Cause::Digest { expected, found }))
}
