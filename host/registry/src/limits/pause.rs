//! Tracks how long a throttled request class stays paused.

use std::time::{Duration, Instant};

/// The shortest and the longest pause without a `Retry-After`.
pub(crate) const MIN_PAUSE: Duration = Duration::from_secs(1);
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Why no more requests of a class are sent in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GaveUp {
    /// The registry named this time, which lies beyond `--max-wait`.
    RetryAt(Instant),
    /// All pauses together reached `--max-wait`.
    MaxWaitSpent,
}

/// The pause of one request class at one registry.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    until: Option<Instant>,
    /// When the last pause started.
    started: Option<Instant>,
    /// The sum of all pauses since the last answer that was not a throttle.
    total: Duration,
    /// Set once no more requests are sent in this run.
    given_up: Option<GaveUp>,
}

impl Pause {
    /// Whether a request may be sent now.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.given_up.is_none() && self.remaining(now).is_none()
    }

    /// The time until the pause ends; `None` outside of a pause.
    pub(crate) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|remaining| !remaining.is_zero())
    }

    /// The reason for giving up, if the class was given up.
    pub(crate) const fn given_up(&self) -> Option<GaveUp> {
        self.given_up
    }

    /// Extends the pause to `until`; never shortens it.
    pub(crate) fn extend_until(&mut self, until: Instant) {
        self.until = self.until.max(Some(until));
    }

    /// Stops all requests of the class for the rest of the run.
    pub(crate) const fn give_up(&mut self, why: GaveUp) {
        self.given_up = Some(why);
    }

    /// Records a throttled request that was sent at `sent`, and returns the pause that starts at
    /// `now`.
    ///
    /// Without `Retry-After` (`asked`), pauses grow. Their sum is bounded by `max_wait` until
    /// another answer than a throttle arrives.
    ///
    /// # Errors
    /// If the pause, or the sum of all pauses, exceeds `max_wait`.
    pub(crate) fn throttled(
        &mut self,
        asked: Option<Duration>,
        sent: Instant,
        max_wait: Duration,
        now: Instant,
    ) -> Result<Duration, GaveUp> {
        match asked {
            Some(asked) if asked > max_wait => return Err(GaveUp::RetryAt(now + asked)),
            // The request was in flight when the pause started, so its answer says nothing new.
            None if self.started.is_some_and(|started| sent <= started) => {
                return Ok(self.remaining(now).unwrap_or_default());
            }
            _ => {}
        }
        let pause = asked.unwrap_or_else(|| self.total.clamp(MIN_PAUSE, MAX_PAUSE));
        let added = pause.saturating_sub(self.remaining(now).unwrap_or_default());
        if self.total + added > max_wait {
            return Err(GaveUp::MaxWaitSpent);
        }
        self.total += added;
        self.started = Some(now);
        self.extend_until(now + pause);
        Ok(pause)
    }

    /// Records an answer that was not a throttle.
    pub(crate) const fn not_throttled(&mut self) {
        self.total = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{GaveUp, MIN_PAUSE, Pause};

    const MAX_WAIT: Duration = Duration::from_secs(250);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_longest_pause_wins_and_ends() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.extend_until(now + seconds(5));
        pause.extend_until(now + seconds(2));
        assert!(!pause.is_over(now + seconds(4)) && pause.is_over(now + seconds(5)));
        pause.give_up(GaveUp::MaxWaitSpent);
        assert!(!pause.is_over(now + seconds(5)), "nothing is sent any more");
    }

    #[test]
    fn pauses_without_retry_after_grow_up_to_max_wait() {
        let (mut pause, start) = (Pause::default(), Instant::now());
        let mut limited = |asked: Option<u64>, second| {
            let now = start + seconds(second);
            pause.throttled(asked.map(seconds), now, MAX_WAIT, now).map(|pause| pause.as_secs())
        };
        assert_eq!(limited(Some(251), 0), Err(GaveUp::RetryAt(start + seconds(251))));
        for (second, pause) in [(0, 1), (1, 1), (2, 2), (4, 4), (8, 8), (16, 16)] {
            assert_eq!(limited(None, second), Ok(pause), "at {second} s");
        }
        // A pause with no requests in it does not count as waiting.
        assert_eq!(limited(Some(100), 10_000), Ok(100));
        assert_eq!(limited(Some(60), 10_050), Ok(60), "ten seconds more");
        assert_eq!(limited(None, 10_110), Ok(60), "not more at once");
        assert_eq!(limited(Some(49), 10_170), Err(GaveUp::MaxWaitSpent));
        pause.not_throttled();
        let now = start + seconds(10_171);
        assert_eq!(pause.throttled(None, now, MAX_WAIT, now), Ok(MIN_PAUSE));
    }

    #[test]
    fn a_burst_is_one_pause() {
        let (mut pause, start) = (Pause::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        for answer in 0..40 {
            let remaining = pause.throttled(None, at(0), seconds(10), at(1 + answer * 50)).unwrap();
            let expected = 1000_u64.saturating_sub(answer * 50);
            assert_eq!(remaining, Duration::from_millis(expected), "{answer}");
        }
        assert_eq!(pause.throttled(None, at(2500), seconds(10), at(2600)), Ok(MIN_PAUSE));
    }
}
