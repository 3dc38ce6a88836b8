//! Which refused tokens are worth a new one.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::sync::{Mutex, MutexGuard, Notify};

/// After so many renewals in a row that did not help, the registry means its refusals.
const USELESS: u32 = 3;
/// How long a refused request waits for the answers to others with the same token.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a request does with a token. A token may allow one and not the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

impl Use {
    /// What a request with this method does.
    pub(crate) fn of(method: &Method) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) { Self::Read } else { Self::Write }
    }
}

/// What a token, or one that it replaced, was used for with success.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    reads: AtomicBool,
    writes: AtomicBool,
    /// The requests without an answer.
    in_flight: AtomicU32,
    changed: Notify,
}

/// A request that shows a token and has no answer yet.
#[derive(Debug)]
pub(crate) struct Showing(Arc<Worked>);

impl Showing {
    /// Starts such a request.
    pub(crate) fn new(worked: &Arc<Worked>) -> Self {
        worked.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(worked))
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }
}

impl Worked {
    /// Records a success.
    pub(crate) fn record(&self, by: Use) {
        let of_use = match by {
            Use::Read => &self.reads,
            Use::Write => &self.writes,
        };
        of_use.store(true, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Waits until this use succeeded, or until no request is left that could tell. Requests that are sent at the
    /// same time may use a token up before the first of them is answered.
    pub(crate) async fn told(&self, by: Use) {
        let told = async {
            loop {
                let mut changed = pin!(self.changed.notified());
                changed.as_mut().enable();
                if self.has(by) || self.in_flight.load(Ordering::Relaxed) == 0 {
                    return;
                }
                changed.await;
            }
        };
        let _silent = tokio::time::timeout(PATIENCE, told).await;
    }

    /// Whether this use succeeded.
    pub(crate) fn has(&self, by: Use) -> bool {
        match by {
            Use::Read => self.reads.load(Ordering::Relaxed),
            Use::Write => self.writes.load(Ordering::Relaxed),
        }
    }

    /// Whether any use succeeded.
    pub(crate) fn has_any(&self) -> bool {
        self.has(Use::Read) || self.has(Use::Write)
    }
}

/// Who showed a token that replaced a refused one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownBy {
    /// Several requests. They may have used it up.
    Several,
    /// One request so far.
    One,
    /// The request that it was fetched for. No other one can have it.
    Owner,
}

/// Counts the renewals at one registry that did not help.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    useless: AtomicU32,
    /// Whether a token was refused for a use that had worked.
    ended: AtomicBool,
    /// Whether requests used up a token that replaced another one.
    used_up: AtomicBool,
    turn: Mutex<()>,
}

impl Renewals {
    /// Records how the registry answered a request with a token that replaced a refused one.
    pub(crate) fn answered(&self, status: StatusCode, by: ShownBy) {
        let is_refused = matches!(
            status,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        match by {
            _ if status.is_success() => self.useless.store(0, Ordering::Relaxed),
            _ if !is_refused => {}
            ShownBy::Several => self.use_up(),
            ShownBy::One => {
                self.useless.fetch_add(1, Ordering::Relaxed);
            }
            ShownBy::Owner => self.useless.store(USELESS, Ordering::Relaxed),
        }
    }

    /// Records that a request needed a token of its own, as others had used up the one that they shared.
    pub(crate) fn use_up(&self) {
        self.used_up.store(true, Ordering::Relaxed);
    }

    /// Records that a token was refused for a use that had worked.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether tokens ended, so that a refusal need not mean that a right is missing.
    pub(crate) fn have_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether tokens of the registry end after so few uses that a request may need one of its own.
    pub(crate) fn are_used_up(&self) -> bool {
        self.used_up.load(Ordering::Relaxed) && self.help()
    }

    /// Waits for the turn to try a token of one's own. If it is refused, the next ones need not try.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Whether a token that replaced another, and worked, is worth a new one too.
    pub(crate) fn help(&self) -> bool {
        self.useless.load(Ordering::Relaxed) < USELESS
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use reqwest::{Method, StatusCode};

    use super::{PATIENCE, Renewals, Showing, ShownBy, Use, Worked};

    #[test]
    fn reads_and_writes_work_apart() {
        for (method, by) in [
            (Method::GET, Use::Read),
            (Method::HEAD, Use::Read),
            (Method::PUT, Use::Write),
            (Method::POST, Use::Write),
            (Method::PATCH, Use::Write),
            (Method::DELETE, Use::Write),
        ] {
            assert_eq!(Use::of(&method), by, "{method}");
        }
        let worked = Worked::default();
        assert!(!worked.has_any());
        worked.record(Use::Read);
        assert!(worked.has(Use::Read) && !worked.has(Use::Write) && worked.has_any());
        worked.record(Use::Write);
        assert!(worked.has(Use::Write));
    }

    #[test]
    fn renewals_that_never_help_end() {
        let renewals = Renewals::default();
        let answer = |statuses: &[u16], by| {
            for &status in statuses {
                renewals.answered(StatusCode::from_u16(status).unwrap(), by);
            }
        };
        answer(&[401, 403], ShownBy::One);
        assert!(renewals.help());
        answer(&[500, 404], ShownBy::One);
        assert!(renewals.help(), "an answer of another kind tells nothing");
        answer(&[400], ShownBy::One);
        assert!(!renewals.help());
        answer(&[201], ShownBy::One);
        assert!(renewals.help(), "one that helped");
    }

    #[test]
    fn a_token_that_several_requests_showed_may_be_used_up() {
        let renewals = Renewals::default();
        assert!(!renewals.are_used_up());
        for status in [401, 403, 400, 401] {
            renewals.answered(StatusCode::from_u16(status).unwrap(), ShownBy::Several);
        }
        assert!(renewals.help() && renewals.are_used_up());
        renewals.answered(StatusCode::FORBIDDEN, ShownBy::Owner);
        assert!(!renewals.help() && !renewals.are_used_up(), "nobody used it but its owner");
    }

    #[tokio::test]
    async fn a_use_is_told_by_the_last_request_in_flight() {
        let worked = Arc::new(Worked::default());
        worked.told(Use::Write).await;
        let begun = Instant::now();
        let other = Showing::new(&worked);
        tokio::join!(worked.told(Use::Write), async { drop(other) });
        let _other = Showing::new(&worked);
        tokio::join!(worked.told(Use::Write), async { worked.record(Use::Write) });
        worked.told(Use::Write).await;
        assert!(begun.elapsed() < PATIENCE, "no answer is waited for in vain");
    }
}
