//! The attempts to upload one blob: their history, and the next step after a failure.

use std::time::Duration;

use longshore_store::{BlobTransfer, Fault, Retries, StoreError};

use crate::Client;
use crate::retry::Backoff;
use crate::upload::attempt_error::AttemptError;
use crate::upload::session::UploadSession;

/// How many lost sessions are replaced without back-off.
const LOST_SESSIONS: u32 = 2;
/// How many tokens that ended are replaced without back-off.
const ENDED_TOKENS: u32 = 2;

/// The history of the upload of one blob.
pub(crate) struct Attempts {
    of_source: Box<dyn Retries>,
    of_destination: Backoff,
    /// Bodies that broke off in the middle.
    pub(crate) broken: u32,
    /// Connections that ended before any byte of a body was sent.
    failed_before_body: u32,
    lost_sessions: u32,
    ended_tokens: u32,
    /// How often the source's content did not match its digest.
    pub(crate) wrong: u32,
    /// Whether the last attempt sent chunks.
    pub(crate) in_chunks: bool,
    /// Bytes of the last body that were sent; `None` before the first body.
    pub(crate) sent: Option<u64>,
    /// The open session, so that it can be cancelled.
    pub(crate) session: Option<UploadSession>,
}

impl Attempts {
    /// Starts without attempts; `session` is a session that is already open.
    pub(crate) fn new(
        client: &Client,
        transfer: &BlobTransfer<'_>,
        session: Option<UploadSession>,
    ) -> Self {
        Self {
            of_source: transfer.source.store.retries(),
            of_destination: client.backoff(),
            broken: 0,
            failed_before_body: 0,
            lost_sessions: 0,
            ended_tokens: 0,
            wrong: 0,
            in_chunks: false,
            sent: None,
            session,
        }
    }
}

/// The next step after a failed attempt.
pub(crate) enum NextStep {
    /// The registry committed the blob; nothing is left to do.
    Done,
    /// Try again after this back-off.
    Retry(Duration),
    /// Give up.
    Fail,
}

impl Client {
    /// Cancels the session of a failed attempt.
    ///
    /// Nothing is sent if the session is gone, or if the registry is unreachable or throttled.
    pub(crate) async fn abandon_session(
        &self,
        error: &AttemptError,
        transfer: &BlobTransfer<'_>,
        attempts: &mut Attempts,
    ) {
        match error {
            AttemptError::Destination(error) if error.is_not_found() || error.is_inconclusive() => {
                attempts.session = None;
            }
            _ => self.cancel(transfer, attempts).await,
        }
    }

    /// Cancels the open session, so that the registry can free it.
    pub(crate) async fn cancel(&self, transfer: &BlobTransfer<'_>, attempts: &mut Attempts) {
        if let Some(session) = attempts.session.take() {
            self.cancel_upload(session, transfer.repository).await;
        }
    }

    /// Decides what to do after a failed attempt.
    pub(crate) async fn next_attempt(
        &self,
        error: &AttemptError,
        transfer: &BlobTransfer<'_>,
        attempts: &mut Attempts,
    ) -> NextStep {
        let at_once = NextStep::Retry(Duration::ZERO);
        let (cause, blob) = match error {
            AttemptError::Destination(cause) => (cause, transfer.blob),
            AttemptError::Source(cause) => return attempts.after_source(cause),
            AttemptError::Interrupted => return NextStep::Fail,
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
                // The registry may still be committing the bytes that it received.
                let is_committed = self.was_committed(transfer.repository, blob).await;
                if is_committed {
                    return NextStep::Done;
                }
            }
            Some(0) if cause.is_unanswered() && attempts.failed_before_body == 0 => {
                attempts.failed_before_body += 1;
                return at_once;
            }
            Some(_) if cause.is_unanswered() => {
                attempts.broken += 1;
                if attempts.broken == 2 {
                    self.bodies_break();
                }
            }
            _ if cause.has_new_token() && attempts.ended_tokens < ENDED_TOKENS => {
                attempts.ended_tokens += 1;
                return at_once;
            }
            Some(_) if cause.is_not_found() && attempts.lost_sessions < LOST_SESSIONS => {
                attempts.lost_sessions += 1;
                return at_once;
            }
            _ => {}
        }
        attempts.of_destination.after(cause).map_or(NextStep::Fail, NextStep::Retry)
    }
}

impl Attempts {
    /// Counts the next attempt at the side whose `error` asked for it.
    pub(crate) fn count_retry(&self, error: &AttemptError) {
        match error {
            AttemptError::Source(_) => self.of_source.count(),
            AttemptError::Destination(_) | AttemptError::Interrupted => {
                self.of_destination.count_retry();
            }
        }
    }

    /// Decides what to do after the source failed.
    ///
    /// Content that failed verification twice is not fetched again.
    fn after_source(&mut self, cause: &StoreError) -> NextStep {
        if cause.is_wrong_content() {
            self.wrong += 1;
            if self.wrong > 1 {
                return NextStep::Fail;
            }
        }
        // The download already resumed as often as the back-off allows.
        if matches!(*cause.fault, Fault::Broken) && self.sent.is_some() {
            return NextStep::Fail;
        }
        self.of_source.after(cause).map_or(NextStep::Fail, NextStep::Retry)
    }
}
