//! `--limit-rate`: the most bytes of blobs per second, over all registries of a run.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
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

    /// Limits the rate to the share of one of `processes`.
    pub(crate) fn share(&self, processes: usize) {
        for rate in [&self.received, &self.sent] {
            if let Some(limit) = &rate.0 {
                limit.processes.store(processes.max(1), Ordering::Relaxed);
            }
        }
    }
}

/// The limit of one direction. Callers take turns in the order in which they ask.
#[derive(Debug)]
pub(crate) struct Rate(Option<Limit>);

#[derive(Debug)]
struct Limit {
    per_second: NonZeroU64,
    /// The number of processes that share it.
    processes: AtomicUsize,
    /// When the bytes that were taken until now have passed.
    free: Mutex<Instant>,
}

impl Rate {
    fn new(per_second: Option<NonZeroU64>) -> Self {
        Self(per_second.map(|per_second| Limit::new(per_second, Instant::now())))
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
    const fn new(per_second: NonZeroU64, free: Instant) -> Self {
        Self { per_second, processes: AtomicUsize::new(1), free: Mutex::new(free) }
    }

    /// Reserves the time that `bytes` need, and returns when it ends.
    ///
    /// Idle time counts for these bytes alone, and is not saved up for others. A blob waits here once when it
    /// is received and once when it is sent, one wait after the other. Without the idle time of the other
    /// wait, one blob would move at half of the rate.
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let processes = self.processes.load(Ordering::Relaxed) as u128;
        let nanos = bytes as u128 * processes * 1_000_000_000 / u128::from(self.per_second.get());
        let needed = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        *free = (*free + needed).max(now);
        *free
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::{Duration, Instant};

    use super::{Limit, Rate, Rates};

    fn limit(per_second: u64, free: Instant) -> Limit {
        Limit::new(NonZeroU64::new(per_second).unwrap(), free)
    }

    #[test]
    fn processes_share_the_rate_in_each_direction() {
        let begin = Instant::now();
        let rates = Rates::new(NonZeroU64::new(1000));
        for (processes, seconds) in [(1, 1), (4, 4), (0, 1)] {
            rates.share(processes);
            for rate in [&rates.received, &rates.sent] {
                let limit = rate.0.as_ref().unwrap();
                *limit.free.lock().unwrap() = begin;
                assert_eq!(limit.reserve(1000, begin), begin + Duration::from_secs(seconds));
            }
        }
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
    fn idle_time_is_not_saved_up_for_more_than_one_piece() {
        let begin = Instant::now();
        let limit = limit(1000, begin);
        let later = begin + Duration::from_secs(60);
        assert_eq!(limit.reserve(1000, later), later);
        assert_eq!(limit.reserve(1000, later), later + Duration::from_secs(1));
        let soon = later + Duration::from_millis(1_500);
        assert_eq!(
            limit.reserve(1000, soon),
            later + Duration::from_secs(2),
            "half of it was idle"
        );
    }

    #[test]
    fn one_blob_moves_at_the_whole_rate_in_both_directions() {
        let begin = Instant::now();
        let (received, sent) = (limit(1000, begin), limit(1000, begin));
        let mut now = begin;
        for _ in 0..20 {
            now = received.reserve(500, now);
            now = sent.reserve(500, now);
        }
        assert_eq!(now, begin + Duration::from_secs(10));
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
