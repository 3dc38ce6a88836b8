//! The attempts to upload one blob: what happened so far, and what to do after one failed.

use std::time::Duration;

use longshore_store::{BlobTransfer, Fault, Retries, StoreError};

use crate::Client;
use crate::retry::Waits;
use crate::upload::attempt_error::AttemptError;
use crate::upload::session::UploadSession;

/// A session that got lost is replaced so often at once.
const LOST_SESSIONS: u32 = 2;

/// What happened to the upload of one blob so far.
pub(crate) struct Attempts {
    of_source: Box<dyn Retries>,
    of_destination: Waits,
    /// Bodies that broke in the middle.
    pub(crate) broken: u32,
    /// Connections that ended before anything of a body went out.
    untouched: u32,
    lost_sessions: u32,
    /// Times that the source's content was not what its digest says.
    pub(crate) wrong: u32,
    /// The last attempt was one in chunks.
    pub(crate) in_chunks: bool,
    /// Bytes of the last body that went out; `None` before a body was begun.
    pub(crate) sent: Option<u64>,
    /// The session that is open now, in case that it is given up.
    pub(crate) session: Option<UploadSession>,
}

impl Attempts {
    /// None yet; `session` is one that is open already.
    pub(crate) fn new(
        client: &Client,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
    ) -> Self {
        Self {
            of_source: transfer.source.store.retries(),
            of_destination: client.waits(),
            broken: 0,
            untouched: 0,
            lost_sessions: 0,
            wrong: 0,
            in_chunks: false,
            sent: None,
            session,
        }
    }
}

/// What to do after a failure.
pub(crate) enum Next {
    /// All bytes had arrived.
    Done,
    /// Try again after this.
    Retry(Duration),
    /// Nothing more.
    Fail,
}

impl Client {
    /// Gives up the session of an attempt that failed, unless it is gone, or its registry is or is busy.
    pub(crate) async fn let_go(
        &self,
        error: &AttemptError,
        transfer: &BlobTransfer<'_>,
        attempts: &mut Attempts,
    ) {
        match error {
            AttemptError::Destination(error) if error.is_not_found() || error.says_nothing() => {
                attempts.session = None;
            }
            _ => self.cancel(transfer, attempts).await,
        }
    }

    /// Gives up the session that is open, so that the registry can forget it.
    pub(crate) async fn cancel(&self, transfer: &BlobTransfer<'_>, attempts: &mut Attempts) {
        if let Some(session) = attempts.session.take() {
            self.cancel_upload(session, transfer.repository).await;
        }
    }

    /// What to do after an attempt failed.
    pub(crate) async fn next_attempt(
        &self,
        error: &AttemptError,
        transfer: &BlobTransfer<'_>,
        attempts: &mut Attempts,
    ) -> Next {
        let at_once = Next::Retry(Duration::ZERO);
        let (cause, blob) = match error {
            AttemptError::Destination(cause) => (cause, transfer.blob),
            AttemptError::Source(cause) => return attempts.after_source(cause),
            AttemptError::Interrupted => return Next::Fail,
        };
        let other_way = match (attempts.in_chunks, attempts.sent) {
            (true, None) => self.may_take_one_body(cause),
            (false, Some(_)) => self.may_take_chunks(cause, blob.size),
            _ => false,
        };
        if other_way {
            return at_once;
        }
        match attempts.sent {
            Some(sent) if cause.is_unanswered() && sent == blob.size => {
                // The registry may still be about to commit what it has.
                if self.was_committed(transfer.repository, blob).await {
                    return Next::Done;
                }
            }
            Some(0) if cause.is_unanswered() && attempts.untouched == 0 => {
                attempts.untouched += 1;
                return at_once;
            }
            Some(_) if cause.is_unanswered() => {
                attempts.broken += 1;
                if attempts.broken == 2 {
                    self.bodies_break();
                }
            }
            Some(_) if cause.is_not_found() && attempts.lost_sessions < LOST_SESSIONS => {
                attempts.lost_sessions += 1;
                return at_once;
            }
            _ => {}
        }
        attempts.of_destination.after(cause).map_or(Next::Fail, Next::Retry)
    }
}

impl Attempts {
    /// What to do after the source failed. Content that was wrong twice is not fetched again.
    fn after_source(&mut self, cause: &StoreError) -> Next {
        if cause.is_wrong_content() {
            self.wrong += 1;
            if self.wrong > 1 {
                return Next::Fail;
            }
        }
        // A body that broke was taken up again as often as that is worth it.
        if matches!(*cause.fault, Fault::Broken) && self.sent.is_some() {
            return Next::Fail;
        }
        self.of_source.after(cause).map_or(Next::Fail, Next::Retry)
    }
}
