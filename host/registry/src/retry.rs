//! How often and how late a request is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use backon::BackoffBuilder;

use longshore_store::StoreError;

use crate::RegistryError;
use crate::limits::pause;
use crate::limits::permit::Paused;

/// Tries of one request, the first included.
pub(super) const TRIES: usize = 3;
/// A registry may fail so often before anything goes well.
const BUDGET: usize = 200;

/// What a run had to do more than once, or to wait for.
#[derive(Debug, Default)]
pub(super) struct Effort {
    retries: AtomicU64,
    pauses: AtomicU64,
    paused_millis: AtomicU64,
}

impl Effort {
    /// All of it until now.
    pub(super) fn so_far(&self) -> longshore_store::Effort {
        longshore_store::Effort {
            retries: self.retries.load(Ordering::Relaxed),
            pauses: self.pauses.load(Ordering::Relaxed),
            paused: Duration::from_millis(self.paused_millis.load(Ordering::Relaxed)),
        }
    }

    /// A request is made again.
    pub(super) fn made_again(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A registry is waited for.
    pub(super) fn pause(&self, paused: Paused) {
        self.pauses.fetch_add(u64::from(paused.is_new), Ordering::Relaxed);
        let millis = u64::try_from(paused.longer.as_millis()).unwrap_or(u64::MAX);
        self.paused_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

/// How many more failures of one registry are worth another try: each try takes one, each success
/// gives one back.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
    pub(super) effort: Arc<Effort>,
}

impl Budget {
    /// The budget of a registry that was not asked yet.
    pub(super) const fn new(effort: Arc<Effort>) -> Self {
        Self { left: AtomicUsize::new(BUDGET), effort }
    }

    /// Something went well.
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

/// The waits between the tries of one operation.
#[derive(Debug)]
pub(super) struct Waits {
    planned: backon::ExponentialBackoff,
    limited: Duration,
    waited: Duration,
    longest: Duration,
    budget: Arc<Budget>,
}

impl Waits {
    /// Waits that grow from half a second, with jitter. Those that the registry asks for with 429 may
    /// be `longest` together, and are no tries.
    pub(super) fn new(longest: Duration, budget: Arc<Budget>) -> Self {
        let planned = backon::ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(20))
            .with_max_times(TRIES - 1)
            .with_jitter()
            .build();
        Self { planned, limited: pause::SHORTEST, waited: Duration::ZERO, longest, budget }
    }

    /// How long to wait before the next try after `error`; `None` where it is final.
    pub(super) fn after(&mut self, error: &RegistryError) -> Option<Duration> {
        let limited = error.is_limited();
        error.is_transient().then(|| self.next(limited, error.retry_after()))?
    }

    /// As [`Self::after`], for an error that went through the seam.
    pub(super) fn after_read(&mut self, error: &StoreError) -> Option<Duration> {
        error.transient.then(|| self.next(error.rate_limited, error.retry_after))?
    }

    fn next(&mut self, limited: bool, asked: Option<Duration>) -> Option<Duration> {
        if limited {
            let wait = asked.filter(|asked| !asked.is_zero()).unwrap_or(self.limited);
            self.limited = (self.limited * 2).min(pause::LONGEST);
            self.waited = self.waited.saturating_add(wait);
            return (self.waited <= self.longest).then_some(wait);
        }
        let planned = self.planned.next()?;
        if asked.is_some_and(|asked| asked > self.longest) || !self.budget.take() {
            return None;
        }
        Some(asked.map_or(planned, |asked| asked.max(planned)))
    }

    /// Waits until the request may be tried again after `error`.
    ///
    /// # Errors
    /// `error` itself, where it is final.
    pub(super) async fn sit_out(&mut self, error: RegistryError) -> Result<(), RegistryError> {
        let Some(wait) = self.after(&error) else { return Err(error) };
        tracing::debug!("{error}; trying again in {:.1} s", wait.as_secs_f32());
        tokio::time::sleep(wait).await;
        self.budget.effort.made_again();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{BUDGET, Budget, TRIES, Waits};
    use crate::RegistryError;
    use crate::error::Failed as _;
    use crate::error_response::ErrorResponse;
    use longshore_store::Operation;

    fn answered(status: u16, retry_after: Option<u64>) -> RegistryError {
        let retry_after = retry_after.map(Duration::from_secs);
        Operation::new("fetch", "x").failed(ErrorResponse {
            status,
            codes: Vec::new(),
            detail: String::new(),
            retry_after,
            redirected: None,
        })
    }

    fn waits_of(budget: &Arc<Budget>) -> Waits {
        Waits::new(Duration::from_secs(900), Arc::clone(budget))
    }

    fn waits() -> Waits {
        waits_of(&Arc::new(Budget::new(Arc::default())))
    }

    #[test]
    fn what_is_final_is_not_tried_again() {
        for status in [400, 401, 403, 404, 405] {
            assert_eq!(waits().after(&answered(status, None)), None, "{status}");
        }
    }

    #[test]
    fn the_tries_end() {
        let mut waits = waits();
        let tries = std::iter::from_fn(|| waits.after(&answered(503, None))).count();
        assert_eq!(tries, TRIES - 1);
    }

    #[test]
    fn the_registry_s_own_wait_is_obeyed_within_bounds() {
        assert_eq!(waits().after(&answered(429, Some(30))), Some(Duration::from_secs(30)));
        assert_eq!(waits().after(&answered(429, Some(100_000))), None);
        assert_eq!(waits().after(&answered(503, Some(100_000))), None);
        assert!(waits().after(&answered(503, Some(7))).unwrap() >= Duration::from_secs(7));
    }

    #[test]
    fn a_limit_is_waited_for_as_long_as_that_is_allowed() {
        let mut waits = waits();
        let all: Vec<u64> = std::iter::from_fn(|| waits.after(&answered(429, None)))
            .map(|wait| wait.as_secs())
            .collect();
        assert_eq!(all[..7], [1, 2, 4, 8, 16, 32, 60]);
        let sum: u64 = all.iter().sum();
        assert!((800..=900).contains(&sum), "{sum}");
    }

    #[test]
    fn a_registry_that_only_fails_is_not_tried_for_ever() {
        let budget = Arc::new(Budget::new(Arc::default()));
        let retried = |_: usize| waits_of(&budget).after(&answered(503, None)).is_some();
        assert_eq!((0..2 * BUDGET).filter(|&number| retried(number)).count(), BUDGET);
        budget.refill();
        assert!(retried(0) && !retried(0));
    }
}
