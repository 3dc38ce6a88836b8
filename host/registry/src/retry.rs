//! Retries: how often a request is sent again, and after which back-off.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::BackoffBuilder;

use longshore_store::{PauseSpan, StoreEffort, StoreError};

use crate::RegistryError;
use crate::limits::pause;
use crate::limits::permit::Paused;

/// How often a failed request is sent again, unless the run says otherwise.
pub const DEFAULT_RETRIES: usize = 2;
/// The retry budget of a registry.
const BUDGET: usize = 200;
/// The pauses of a registry whose times are kept.
const SPANS: usize = 200;

/// Counts the retries and pauses of a run at one registry.
#[derive(Debug, Default)]
pub(super) struct RetryStats {
    retries: AtomicU64,
    pauses: Mutex<Pauses>,
}

#[derive(Debug, Default)]
struct Pauses {
    count: u64,
    length: Duration,
    /// Start and length of the first pauses.
    spans: Vec<(Instant, Duration)>,
}

impl RetryStats {
    /// The counts until now, of the registry `name`.
    pub(super) fn snapshot(&self, name: &str) -> StoreEffort {
        let now = Instant::now();
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let span = |&(start, length): &(Instant, Duration)| PauseSpan {
            ago: now.saturating_duration_since(start),
            length,
        };
        StoreEffort {
            name: name.to_owned(),
            retries: self.retries.load(Ordering::Relaxed),
            pauses: pauses.count,
            paused: pauses.length,
            spans: pauses.spans.iter().map(span).collect(),
        }
    }

    /// Counts one retry.
    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a pause of a registry.
    pub(super) fn pause(&self, paused: Paused) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.length += paused.added;
        let has_room = pauses.spans.len() < SPANS;
        match pauses.spans.last_mut() {
            Some((_, length)) if !paused.is_new => *length += paused.added,
            _ if has_room => pauses.spans.push((Instant::now(), paused.added)),
            _ => {}
        }
        pauses.count += u64::from(paused.is_new);
    }
}

/// The retry budget of one registry: each retry takes one, each success returns one.
#[derive(Debug)]
pub(super) struct RetryBudget {
    left: AtomicUsize,
    pub(super) effort: Arc<RetryStats>,
}

impl RetryBudget {
    /// Makes a full budget.
    pub(super) const fn new(effort: Arc<RetryStats>) -> Self {
        Self { left: AtomicUsize::new(BUDGET), effort }
    }

    /// Returns one retry to the budget after a success.
    pub(super) fn refill(&self) {
        let _full = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left < BUDGET).then_some(left + 1)
        });
    }

    fn take(&self) -> bool {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }
}

/// The back-off between the attempts of one operation.
#[derive(Debug)]
pub(super) struct Backoff {
    planned: backon::ExponentialBackoff,
    throttled_wait: Duration,
    waited: Duration,
    max_wait: Duration,
    budget: Arc<RetryBudget>,
}

impl Backoff {
    /// Makes a back-off that starts at half a second, with jitter, and ends after `retries` attempts.
    ///
    /// Waits after a 429 do not count as attempts; their sum is at most `max_wait`.
    pub(super) fn new(max_wait: Duration, retries: usize, budget: Arc<RetryBudget>) -> Self {
        let planned = backon::ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(retries)
            .with_jitter()
            .build();
        Self { planned, throttled_wait: pause::MIN_PAUSE, waited: Duration::ZERO, max_wait, budget }
    }

    /// The wait before the next attempt after `error`; `None` if the error is final.
    pub(super) fn after(&mut self, error: &RegistryError) -> Option<Duration> {
        let throttled = error.is_rate_limited();
        error.is_transient().then(|| self.next(throttled, error.retry_after()))?
    }

    /// Like [`Self::after`], for an error of the store interface.
    pub(super) fn after_read(&mut self, error: &StoreError) -> Option<Duration> {
        error.transient.then(|| self.next(error.rate_limited, error.retry_after))?
    }

    fn next(&mut self, throttled: bool, asked: Option<Duration>) -> Option<Duration> {
        if throttled {
            let wait = asked.filter(|asked| !asked.is_zero()).unwrap_or(self.throttled_wait);
            self.throttled_wait = (self.throttled_wait * 2).min(pause::MAX_PAUSE);
            self.waited = self.waited.saturating_add(wait);
            return (self.waited <= self.max_wait).then_some(wait);
        }
        let planned = self.planned.next()?;
        if asked.is_some_and(|asked| asked > self.max_wait) || !self.budget.take() {
            return None;
        }
        Some(asked.map_or(planned, |asked| asked.max(planned)))
    }

    /// Sleeps until the request may be sent again after `error`.
    ///
    /// # Errors
    /// Returns `error` if it is final.
    pub(super) async fn wait_or_fail(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        let Some(wait) = self.after(&error) else { return Err(error) };
        tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
        tokio::time::sleep(wait).await;
        self.count_retry();
        Ok(())
    }

    /// Counts one retry at the registry of this back-off.
    pub(super) fn count_retry(&self) {
        self.budget.effort.count_retry();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{BUDGET, Backoff, DEFAULT_RETRIES, Paused, RetryBudget, RetryStats, SPANS};
    use crate::RegistryError;
    use crate::error::Failed as _;
    use crate::error_response::ErrorResponse;
    use longshore_store::Operation;

    fn answered(status: u16, retry_after: Option<u64>) -> RegistryError {
        let retry_after = retry_after.map(Duration::from_secs);
        Operation::new("fetch", "x").failed(ErrorResponse {
            status,
            retry_after,
            ..ErrorResponse::default()
        })
    }

    fn backoff_of(budget: &Arc<RetryBudget>) -> Backoff {
        Backoff::new(Duration::from_secs(900), DEFAULT_RETRIES, Arc::clone(budget))
    }

    fn backoff() -> Backoff {
        backoff_of(&Arc::new(RetryBudget::new(Arc::default())))
    }

    #[test]
    fn a_pause_that_is_extended_stays_one_span() {
        let stats = RetryStats::default();
        for (seconds, is_new) in [(2, true), (3, false), (4, true)] {
            let added = Duration::from_secs(seconds);
            stats.pause(Paused { added, is_new, length: added });
        }
        stats.count_retry();
        let effort = stats.snapshot("r.io");
        assert_eq!((effort.name.as_str(), effort.retries, effort.pauses), ("r.io", 1, 2));
        assert_eq!(effort.paused, Duration::from_secs(9));
        let lengths: Vec<u64> = effort.spans.iter().map(|span| span.length.as_secs()).collect();
        assert_eq!(lengths, [5, 4]);
        for _ in 0..2 * SPANS {
            let added = Duration::from_secs(1);
            stats.pause(Paused { added, is_new: true, length: added });
        }
        let effort = stats.snapshot("r.io");
        assert_eq!((effort.spans.len(), effort.pauses), (SPANS, 2 + 2 * SPANS as u64));
    }

    #[test]
    fn final_errors_are_not_retried() {
        for status in [400, 401, 403, 404, 405] {
            assert_eq!(backoff().after(&answered(status, None)), None, "{status}");
        }
    }

    #[test]
    fn retries_end() {
        for retries in [0, 1, DEFAULT_RETRIES, 10] {
            let budget = Arc::new(RetryBudget::new(Arc::default()));
            let mut backoff = Backoff::new(Duration::from_secs(900), retries, budget);
            let tries = std::iter::from_fn(|| backoff.after(&answered(503, None))).count();
            assert_eq!(tries, retries);
        }
    }

    #[test]
    fn the_registry_s_own_wait_is_obeyed_within_bounds() {
        assert_eq!(backoff().after(&answered(429, Some(30))), Some(Duration::from_secs(30)));
        assert_eq!(backoff().after(&answered(429, Some(100_000))), None);
        assert_eq!(backoff().after(&answered(503, Some(100_000))), None);
        assert!(backoff().after(&answered(503, Some(7))).unwrap() >= Duration::from_secs(7));
    }

    #[test]
    fn throttles_are_waited_for_up_to_max_wait() {
        let mut backoff = backoff();
        let all: Vec<u64> = std::iter::from_fn(|| backoff.after(&answered(429, None)))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(all[..7], [1, 2, 4, 8, 16, 32, 60]);
        let sum: u64 = all.iter().sum();
        assert!((800..=900).contains(&sum), "{sum}");
    }

    #[test]
    fn the_retry_budget_ends() {
        let budget = Arc::new(RetryBudget::new(Arc::default()));
        let retried = |_: usize| backoff_of(&budget).after(&answered(503, None)).is_some();
        assert_eq!((0..2 * BUDGET).filter(|&number| retried(number)).count(), BUDGET);
        budget.refill();
        assert!(retried(0) && !retried(0));
    }
}
