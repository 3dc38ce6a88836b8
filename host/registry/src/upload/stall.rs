//! Notices uploads that stall or are taken too slowly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// What the body of an upload has handed over to the connection.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    bytes: AtomicU64,
    lacks_content: AtomicBool,
}

impl Moved {
    /// The bytes that were handed over.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Counts `bytes`.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Waits for content that the connection could send. The destination is not to blame for this time.
    pub(crate) async fn wait_for<T>(&self, content: impl Future<Output = T>) -> T {
        self.lacks_content.store(true, Ordering::Relaxed);
        let content = content.await;
        self.lacks_content.store(false, Ordering::Relaxed);
        content
    }

    /// Whether the connection waits for the source or for `--limit-rate`.
    pub(crate) fn lacks_content(&self) -> bool {
        self.lacks_content.load(Ordering::Relaxed)
    }
}

/// Completes when the destination of an upload of `size` bytes stalls: it took too few bytes, or too long to commit.
///
/// The source watches its own speed, so that the error names the right one.
pub(crate) async fn stalled(moved: Arc<Moved>, size: u64, patience: StallTimeouts) -> Stall {
    let mut last = moved.bytes();
    loop {
        let wait = if last >= size { patience.commit } else { patience.window };
        tokio::time::sleep(wait).await;
        let now = moved.bytes();
        if now < size && moved.lacks_content() {
            last = now;
            continue;
        }
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
    use std::time::Duration;

    use super::{FLOOR, Moved, Stall, StallTimeouts, stalled};

    const WINDOW: Duration = Duration::from_millis(100);

    /// How an upload of `size` bytes ends that moves `bytes` ten times per window.
    async fn moving(bytes: u64, size: u64) -> Option<Stall> {
        let patience = StallTimeouts { window: WINDOW, commit: Duration::from_secs(3600) };
        let moved = Arc::new(Moved::default());
        let counter = Arc::clone(&moved);
        let moving = async {
            loop {
                tokio::time::sleep(WINDOW / 10).await;
                counter.add(bytes.min(size - counter.bytes()));
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
        assert_eq!(moving(5, 5).await, None, "a short body is not slow");
    }

    #[tokio::test]
    async fn a_slow_source_is_not_blamed_on_the_destination() {
        let patience = StallTimeouts { window: WINDOW, commit: WINDOW };
        for sent in [0, 1, FLOOR - 1] {
            let moved = Arc::new(Moved::default());
            moved.add(sent);
            let waiting = Arc::clone(&moved);
            tokio::select! {
                stall = stalled(Arc::clone(&moved), 1 << 40, patience) => panic!("{stall:?} after {sent}"),
                () = waiting.wait_for(tokio::time::sleep(WINDOW * 3)) => {}
            }
            assert!(!moved.lacks_content());
            assert_eq!(stalled(moved, 1 << 40, patience).await, Stall::Silent(WINDOW));
        }
    }
}
