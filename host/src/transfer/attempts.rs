//! The attempts to upload one blob: what happened so far, and what to do after one failed.

use std::time::Duration;

use super::TransferError;
use super::copy::Copy;
use crate::oci::Descriptor;
use crate::registry::{Cause, RegistryError, UploadSession, Waits};

/// A session that got lost is replaced so often at once.
const LOST_SESSIONS: u32 = 2;

/// What happened to the upload of one blob so far.
pub(super) struct Attempts {
    of_source: Waits,
    of_destination: Waits,
    /// Bodies that broke in the middle.
    pub(super) broken: u32,
    /// Connections that ended before anything of a body went out.
    untouched: u32,
    lost_sessions: u32,
    /// Times that the source's content was not what its digest says.
    pub(super) wrong: u32,
    /// The last attempt was one in chunks.
    pub(super) in_chunks: bool,
    /// Bytes of the last body that went out; `None` before a body was begun.
    pub(super) sent: Option<u64>,
    /// The session that is open now, in case that it is given up.
    pub(super) session: Option<UploadSession>,
}

impl Attempts {
    /// None yet; `session` is one that is open already.
    pub(super) fn new(copy: &Copy<'_>, session: Option<UploadSession>) -> Self {
        Self {
            of_source: copy.source.waits(),
            of_destination: copy.destination.waits(),
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
pub(super) enum Next {
    /// All bytes had arrived.
    Done,
    /// Try again after this.
    Retry(Duration),
    /// Nothing more.
    Fail,
}

impl Copy<'_> {
    /// Gives up the session of an attempt that failed, unless it is gone, or its registry is or is busy.
    pub(super) async fn let_go(&self, error: &TransferError, attempts: &mut Attempts) {
        let cause = error.of_registry();
        let of_destination = !matches!(error, TransferError::Source(_));
        if of_destination && cause.is_some_and(|cause| cause.is_not_found() || cause.says_nothing())
        {
            attempts.session = None;
        } else {
            self.cancel(attempts).await;
        }
    }

    /// Gives up the session that is open, so that the registry can forget it.
    pub(super) async fn cancel(&self, attempts: &mut Attempts) {
        let open = attempts.session.take();
        if let Some(session) = open {
            self.destination.cancel_upload(session, &self.job.destination.repository).await;
        }
    }

    /// What to do after an attempt failed.
    pub(super) async fn next(
        &self,
        error: &TransferError,
        blob: &Descriptor,
        attempts: &mut Attempts,
    ) -> Next {
        let at_once = Next::Retry(Duration::ZERO);
        let Some(cause) = error.of_registry() else { return Next::Fail };
        if matches!(error, TransferError::Source(_)) {
            return self.after_source(cause, blob, attempts);
        }
        let other_way = match (attempts.in_chunks, attempts.sent) {
            (true, None) => self.destination.may_take_one_body(cause),
            (false, Some(_)) => self.destination.may_take_chunks(cause, blob.size),
            _ => false,
        };
        if other_way {
            return at_once;
        }
        match attempts.sent {
            Some(sent) if cause.is_unanswered() && sent == blob.size => {
                // The registry may still be about to commit what it has.
                let repository = &self.job.destination.repository;
                if self.destination.was_committed(repository, blob).await {
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
                    self.destination.bodies_break();
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

    /// Content that is wrong twice is not fetched again, by nobody.
    fn after_source(
        &self,
        cause: &RegistryError,
        blob: &Descriptor,
        attempts: &mut Attempts,
    ) -> Next {
        if matches!(&*cause.cause, Cause::Digest { .. } | Cause::Size { .. }) {
            attempts.wrong += 1;
            if attempts.wrong > 1 {
                let source = &self.job.source;
                let bad = &self.run.bad_content;
                bad.remember(&source.registry, &source.repository, &blob.digest, cause);
                return Next::Fail;
            }
        }
        // A body that broke was taken up again as often as that is worth it.
        if cause.is_unanswered() && attempts.sent.is_some() {
            return Next::Fail;
        }
        attempts.of_source.after(cause).map_or(Next::Fail, Next::Retry)
    }
}
