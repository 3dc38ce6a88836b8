//! `--limit-rate`: the most bytes of blobs per second, over all registries of a run.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The limits of a run: one for each direction, because links carry both at once. A blob that goes from
/// registry to registry counts in each.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Bytes that are received.
    pub(crate) received: Rate,
    /// Bytes that are sent.
    pub(crate) sent: Rate,
}

impl Rates {
    /// Makes limits of this many bytes per second; `None` limits nothing.
    pub(crate) fn new(per_second: Option<NonZeroU64>) -> Self {
        Self { received: Rate::new(per_second), sent: Rate::new(per_second) }
    }
}

/// The limit of one direction. Callers take turns in the order in which they ask.
#[derive(Debug)]
pub(crate) struct Rate(Option<Limit>);

#[derive(Debug)]
struct Limit {
    per_second: NonZeroU64,
    /// When the bytes that were taken until now have passed.
    free: Mutex<Instant>,
}

impl Rate {
    fn new(per_second: Option<NonZeroU64>) -> Self {
        let limit = |per_second| Limit { per_second, free: Mutex::new(Instant::now()) };
        Self(per_second.map(limit))
    }

    /// Waits for the time that `bytes` need, behind the bytes that others took before.
    pub(crate) async fn take(&self, bytes: usize) {
        if let Some(limit) = &self.0 {
            let passed = limit.reserve(bytes, Instant::now());
            tokio::time::sleep_until(passed.into()).await;
        }
    }
}

impl Limit {
    /// Reserves the time that `bytes` need, and returns when it ends. Time in which nothing was asked for is
    /// not saved up.
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(self.per_second.get());
        *free = (*free).max(now) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *free
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::{Limit, Rate};

    fn limit(per_second: u64, free: Instant) -> Limit {
        Limit { per_second: NonZeroU64::new(per_second).unwrap(), free: Mutex::new(free) }
    }

    #[test]
    fn bytes_pass_at_the_rate_whoever_asks() {
        let begin = Instant::now();
        let limit = limit(1000, begin);
        let passed: Vec<Duration> = [500, 250, 250, 2000, 0, 1]
            .map(|bytes| limit.reserve(bytes, begin).duration_since(begin))
            .into();
        assert_eq!(passed, [500, 750, 1000, 3000, 3000, 3001].map(Duration::from_millis));
    }

    #[test]
    fn idle_time_is_not_saved_up() {
        let begin = Instant::now();
        let limit = limit(1000, begin);
        let later = begin + Duration::from_secs(60);
        assert_eq!(limit.reserve(1000, later), later + Duration::from_secs(1));
        assert_eq!(limit.reserve(1000, later), later + Duration::from_secs(2));
    }

    #[test]
    fn large_pieces_and_high_rates_stay_exact() {
        let begin = Instant::now();
        let fast = limit(u64::MAX, begin);
        assert_eq!(fast.reserve(1 << 30, begin), begin);
        assert!(fast.reserve(1, begin) < begin + Duration::from_micros(1));
        let slow = limit(1 << 20, begin);
        assert_eq!(slow.reserve(1 << 30, begin), begin + Duration::from_secs(1024));
    }

    #[tokio::test]
    async fn no_limit_never_waits() {
        let began = Instant::now();
        for _ in 0..1000 {
            Rate::new(None).take(usize::MAX).await;
        }
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}
