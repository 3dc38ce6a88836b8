//! How long a registry is waited for that says that there are too many requests.

use std::time::{Duration, Instant};

/// The shortest and the longest pause where the registry does not say how long it takes.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// A limit that takes longer than anybody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLong {
    /// The registry has named this time.
    Until(Instant),
    /// The registry was waited for as long as that is allowed.
    Waited,
}

/// The pause of one class of requests at one registry.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    until: Option<Instant>,
    /// When the last one began.
    begun: Option<Instant>,
    /// How long they were in all since an answer was another one.
    waited: Duration,
    /// Nothing more is sent in this run.
    given_up: Option<TooLong>,
}

impl Pause {
    /// May something be sent?
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.given_up.is_none() && self.left(now).is_none()
    }

    /// How long nothing is sent.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        self.until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Why nobody waits any more.
    pub(crate) const fn given_up(&self) -> Option<TooLong> {
        self.given_up
    }

    /// Nothing is sent before `until`.
    pub(crate) fn lasts_until(&mut self, until: Instant) {
        self.until = self.until.max(Some(until));
    }

    /// Nothing is sent any more.
    pub(crate) const fn give_up(&mut self, why: TooLong) {
        self.given_up = Some(why);
    }

    /// What was sent at `sent` was one too many, and perhaps a wait is `asked`: how long nothing is to be
    /// sent from `now` on. Where no wait is asked the pauses grow. A registry that answers nothing else
    /// is waited for `max_wait` in all.
    ///
    /// # Errors
    /// Where it takes longer than that.
    pub(crate) fn limited(
        &mut self,
        asked: Option<Duration>,
        sent: Instant,
        max_wait: Duration,
        now: Instant,
    ) -> Result<Duration, TooLong> {
        match asked {
            Some(asked) if asked > max_wait => return Err(TooLong::Until(now + asked)),
            // It was under way when the pause began, and says nothing that is not known.
            None if self.begun.is_some_and(|begun| sent <= begun) => {
                return Ok(self.left(now).unwrap_or_default());
            }
            _ => {}
        }
        let pause = asked.unwrap_or_else(|| self.waited.clamp(SHORTEST, LONGEST));
        let longer = pause.saturating_sub(self.left(now).unwrap_or_default());
        if self.waited + longer > max_wait {
            return Err(TooLong::Waited);
        }
        self.waited += longer;
        self.begun = Some(now);
        self.lasts_until(now + pause);
        Ok(pause)
    }

    /// An answer was another one.
    pub(crate) const fn not_limited(&mut self) {
        self.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pause, SHORTEST, TooLong};

    const MAX_WAIT: Duration = Duration::from_secs(250);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_longest_counts_and_it_ends() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.lasts_until(now + seconds(5));
        pause.lasts_until(now + seconds(2));
        assert!(!pause.is_over(now + seconds(4)) && pause.is_over(now + seconds(5)));
        pause.give_up(TooLong::Waited);
        assert!(!pause.is_over(now + seconds(5)), "nothing is sent any more");
    }

    #[test]
    fn pauses_grow_where_no_time_is_named_and_not_for_ever() {
        let (mut pause, start) = (Pause::default(), Instant::now());
        let mut limited = |asked: Option<u64>, second| {
            let now = start + seconds(second);
            pause.limited(asked.map(seconds), now, MAX_WAIT, now).map(|pause| pause.as_secs())
        };
        assert_eq!(limited(Some(251), 0), Err(TooLong::Until(start + seconds(251))));
        for (second, pause) in [(0, 1), (1, 1), (2, 2), (4, 4), (8, 8), (16, 16)] {
            assert_eq!(limited(None, second), Ok(pause), "at {second} s");
        }
        // Nothing was asked for hours, in which nobody waited.
        assert_eq!(limited(Some(100), 10_000), Ok(100));
        assert_eq!(limited(Some(60), 10_050), Ok(60), "ten seconds more");
        assert_eq!(limited(None, 10_110), Ok(60), "not more at once");
        assert_eq!(limited(Some(49), 10_170), Err(TooLong::Waited));
        pause.not_limited();
        let now = start + seconds(10_171);
        assert_eq!(pause.limited(None, now, MAX_WAIT, now), Ok(SHORTEST));
    }

    #[test]
    fn a_burst_is_one_limit() {
        let (mut pause, start) = (Pause::default(), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        for answer in 0..40 {
            let left = pause.limited(None, at(0), seconds(10), at(1 + answer * 50)).unwrap();
            let expected = 1000_u64.saturating_sub(answer * 50);
            assert_eq!(left, Duration::from_millis(expected), "{answer}");
        }
        assert_eq!(pause.limited(None, at(2500), seconds(10), at(2600)), Ok(SHORTEST));
    }
}
