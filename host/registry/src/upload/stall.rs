//! Notices uploads that stall or are taken too slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Cause;
use crate::http::body::{FLOOR, WINDOW};

/// The base time a registry gets to commit an upload; each 20 MB add a second.
const COMMIT: Duration = Duration::from_secs(120);

/// The time that a registry gets to commit an upload of `size` bytes.
pub(crate) fn commit(size: u64) -> Duration {
    COMMIT + Duration::from_secs(size / 20_000_000)
}

/// Timeouts of an upload without progress.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StallTimeouts {
    /// While bytes are being sent, in which [`FLOOR`] bytes must move.
    window: Duration,
    /// After the last byte, while the registry commits.
    commit: Duration,
}

impl StallTimeouts {
    /// Those of an upload of `size` bytes.
    pub(crate) fn of(size: u64) -> Self {
        Self { window: WINDOW, commit: commit(size) }
    }
}

/// Why an upload was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stall {
    /// Nothing moved for this time.
    Silent(Duration),
    /// Less than [`FLOOR`] bytes moved in this time.
    Slow(Duration),
}

impl Stall {
    /// The cause of the error at `host`.
    pub(crate) const fn at(self, host: String) -> Cause {
        match self {
            Self::Silent(time) => Cause::TimedOut { host, seconds: time.as_secs() },
            Self::Slow(time) => Cause::Slow { host, floor: FLOOR, seconds: time.as_secs() },
        }
    }
}

/// Completes when an upload of `size` bytes stalls: too few bytes moved, or the commit took too long.
pub(crate) async fn stalled(moved: Arc<AtomicU64>, size: u64, patience: StallTimeouts) -> Stall {
    let mut last = moved.load(Ordering::Relaxed);
    loop {
        let wait = if last >= size { patience.commit } else { patience.window };
        tokio::time::sleep(wait).await;
        let now = moved.load(Ordering::Relaxed);
        if now == last {
            return Stall::Silent(wait);
        }
        if now < size && now - last < FLOOR {
            return Stall::Slow(wait);
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::{FLOOR, Stall, StallTimeouts, stalled};

    const WINDOW: Duration = Duration::from_millis(100);

    /// How an upload of `size` bytes ends that moves `bytes` ten times per window.
    async fn moving(bytes: u64, size: u64) -> Option<Stall> {
        let patience = StallTimeouts { window: WINDOW, commit: Duration::from_secs(3600) };
        let moved = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&moved);
        let moving = async {
            loop {
                tokio::time::sleep(WINDOW / 10).await;
                let before = counter.fetch_add(bytes, Ordering::Relaxed);
                counter.store((before + bytes).min(size), Ordering::Relaxed);
            }
        };
        tokio::select! {
            stall = stalled(moved, size, patience) => Some(stall),
            () = moving => None,
            () = tokio::time::sleep(WINDOW * 5) => None,
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_or_crawls_is_noticed() {
        let large = 1 << 40;
        assert_eq!(moving(0, large).await, Some(Stall::Silent(WINDOW)));
        assert_eq!(moving(1, large).await, Some(Stall::Slow(WINDOW)));
        assert_eq!(moving(FLOOR / 100, large).await, Some(Stall::Slow(WINDOW)));
        assert_eq!(moving(FLOOR, large).await, None, "it is fast enough");
    }

    #[tokio::test]
    async fn a_registry_that_commits_is_given_its_own_time() {
        assert_eq!(moving(FLOOR, 10).await, None);
        assert_eq!(moving(1, 5).await, None, "a short body is not slow");
    }
}
