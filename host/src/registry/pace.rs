//! How much is asked of a registry at once: a window for each class of requests, which grows while
//! all goes well, halves when the registry is overrun, and stands still while it asks for a pause.

use std::time::{Duration, Instant};

/// Blobs below this size are small, in bytes: what they cost is round trips.
const SMALL_BLOB: u64 = 1024 * 1024;
/// No class has more requests under way.
const CEILING: usize = 32;
/// No registry has more large transfers under way.
const LARGE_CEILING: usize = 12;
/// The shortest and the longest pause where a registry does not say how long it takes.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What a request costs the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// HEAD of manifests and blobs, lists, tokens apart.
    Look,
    /// GET of manifests, which some registries count.
    ManifestGet,
    /// Opening an upload that may turn out to be a mount.
    Open,
    /// PUT of manifests.
    ManifestPut,
    /// A blob of 1 MiB and more, from its first request to its last.
    Large,
    /// A smaller blob.
    Small,
}

impl Class {
    /// All of them, in the order of their numbers.
    pub(super) const ALL: [Self; 6] =
        [Self::Look, Self::ManifestGet, Self::Open, Self::ManifestPut, Self::Large, Self::Small];

    /// The class of a blob of `size` bytes.
    pub(super) const fn of_blob(size: u64) -> Self {
        if size < SMALL_BLOB { Self::Small } else { Self::Large }
    }

    const fn start(self) -> usize {
        match self {
            Self::Large => 6,
            Self::Look | Self::ManifestGet | Self::Open | Self::ManifestPut | Self::Small => 16,
        }
    }

    const fn ceiling(self) -> usize {
        match self {
            Self::Large => LARGE_CEILING,
            _ => CEILING,
        }
    }
}

/// What comes of an answer that there are too many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Nothing is sent for so long.
    Pause(Duration),
    /// It takes longer than anybody waits.
    TooLong(TooLong),
}

/// A limit that takes longer than anybody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooLong {
    /// The registry asks for this pause.
    Asked(Duration),
    /// The registry has been waited for.
    Waited,
}

/// The window of one class at one registry, and who is in it.
#[derive(Debug)]
pub(super) struct Lane {
    size: f64,
    ceiling: f64,
    decreased: Option<Instant>,
    paused_until: Option<Instant>,
    /// How long the pauses were in all since an answer was another one than that there are too many
    /// requests.
    waited: Duration,
    /// That was as long as anybody waits: nothing more is sent in this run.
    given_up: bool,
    pub(super) in_use: usize,
    /// Transfers in it that were let in for their size rather than for their age.
    pub(super) by_size: usize,
    /// Transfers in it above 1 GiB.
    pub(super) huge: usize,
}

impl Lane {
    /// The window that `class` starts with; it never exceeds `bound`.
    pub(super) fn new(class: Class, bound: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "windows are small numbers")]
        let within = |count: usize| count.min(bound).max(1) as f64;
        Self {
            size: within(class.start()),
            ceiling: within(class.ceiling()),
            decreased: None,
            paused_until: None,
            waited: Duration::ZERO,
            given_up: false,
            in_use: 0,
            by_size: 0,
            huge: 0,
        }
    }

    /// So many may be in it at once, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the ceiling"
    )]
    pub(super) const fn limit(&self) -> usize {
        self.size as usize
    }

    /// Is there room, and no pause?
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.in_use < self.limit() && !self.given_up && self.pause(now).is_none()
    }

    /// How long it stands still.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        self.paused_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Nobody gets in before `until`.
    pub(super) fn pause_until(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// Nobody gets in any more.
    pub(super) const fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Why nobody waits for it, where it stands still for more than `longest`.
    pub(super) fn too_long(&self, longest: Duration, now: Instant) -> Option<TooLong> {
        if self.given_up {
            return Some(TooLong::Waited);
        }
        self.pause(now).filter(|pause| *pause > longest).map(TooLong::Asked)
    }

    /// An answer at `now` was that there are too many requests, and perhaps which pause is `asked`. A
    /// registry that answers nothing else is waited for `longest` in all. Nobody gets in meanwhile.
    pub(super) fn limited(
        &mut self,
        asked: Option<Duration>,
        longest: Duration,
        now: Instant,
    ) -> Limit {
        let pause = asked.unwrap_or_else(|| self.waited.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        if asked.is_some_and(|asked| asked > longest) {
            return Limit::TooLong(TooLong::Asked(pause));
        }
        // Those that were under way meanwhile were limited by the same.
        let waited = self.waited + pause.saturating_sub(self.pause(now).unwrap_or_default());
        if waited > longest {
            return Limit::TooLong(TooLong::Waited);
        }
        self.waited = waited;
        self.pause_until(now + pause);
        Limit::Pause(pause)
    }

    /// An answer was another one.
    pub(super) const fn not_limited(&mut self) {
        self.waited = Duration::ZERO;
    }

    /// What was let in went well: one more for each window of successes, if the window was what
    /// kept others waiting.
    pub(super) fn succeeded(&mut self) {
        if self.in_use >= self.limit() {
            self.size = (self.size + 1.0 / self.size).min(self.ceiling);
        }
    }

    /// The registry was overrun by what was sent at `sent`. One episode halves the window once: what
    /// was under way before that says nothing about the new one.
    pub(super) fn overrun(&mut self, sent: Instant, now: Instant) {
        if self.decreased.is_none_or(|decreased| sent > decreased) {
            self.size = (self.size / 2.0).max(1.0);
            self.decreased = Some(now);
        }
    }

    /// No more than `count` at once from here on, until it grows again.
    pub(super) fn shrink_to(&mut self, count: usize) {
        #[expect(clippy::cast_precision_loss, reason = "windows are small numbers")]
        let count = count.max(1) as f64;
        self.size = self.size.min(count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{CEILING, Class, Lane, Limit, SHORTEST_PAUSE, TooLong};

    fn full(lane: &mut Lane) {
        lane.in_use = lane.limit();
    }

    #[test]
    fn a_window_grows_by_one_for_each_window_of_successes() {
        let mut lane = Lane::new(Class::Large, usize::MAX);
        full(&mut lane);
        (0..6).for_each(|_| lane.succeeded());
        assert_eq!(lane.limit(), 6, "not quite yet");
        lane.succeeded();
        assert_eq!(lane.limit(), 7);
        lane.in_use = 1;
        (0..100).for_each(|_| lane.succeeded());
        assert_eq!(lane.limit(), 7, "a window that nobody fills does not grow");
        for _ in 0..10_000 {
            full(&mut lane);
            lane.succeeded();
        }
        assert_eq!(lane.limit(), 12);
    }

    #[test]
    fn one_episode_halves_once() {
        let mut lane = Lane::new(Class::Small, usize::MAX);
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        lane.overrun(later(1), later(2));
        lane.overrun(later(1), later(3));
        assert_eq!(lane.limit(), 8, "both were sent before the first decrease");
        lane.overrun(later(4), later(5));
        assert_eq!(lane.limit(), 4);
        (6..20).for_each(|second| lane.overrun(later(second), later(second)));
        assert_eq!(lane.limit(), 1, "somebody can always go on");
    }

    #[test]
    fn a_bound_holds_from_start_to_ceiling() {
        let mut lane = Lane::new(Class::Large, 1);
        for _ in 0..100 {
            full(&mut lane);
            lane.succeeded();
        }
        assert_eq!(lane.limit(), 1);
        assert_eq!(Lane::new(Class::Look, CEILING).limit(), 16);
    }

    #[test]
    fn a_pause_ends() {
        let (mut lane, now) = (Lane::new(Class::Look, usize::MAX), Instant::now());
        lane.pause_until(now + Duration::from_secs(5));
        lane.pause_until(now + Duration::from_secs(2));
        assert!(!lane.has_room(now + Duration::from_secs(4)), "the longest pause counts");
        assert!(lane.has_room(now + Duration::from_secs(5)));
    }

    #[test]
    fn a_limit_is_waited_for_in_growing_pauses_and_not_for_ever() {
        let (mut lane, start) = (Lane::new(Class::Look, usize::MAX), Instant::now());
        let longest = Duration::from_secs(250);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut limited = |asked: Option<u64>, second| match lane.limited(
            asked.map(Duration::from_secs),
            longest,
            at(second),
        ) {
            Limit::Pause(pause) => Ok(pause.as_secs()),
            Limit::TooLong(why) => Err(why),
        };
        assert_eq!(limited(Some(251), 0), Err(TooLong::Asked(Duration::from_secs(251))));
        for (second, pause) in [(0, 1), (0, 1), (1, 1), (2, 2), (4, 4), (8, 8), (16, 16)] {
            assert_eq!(limited(None, second), Ok(pause), "at {second} s");
        }
        // Nothing was asked for hours, in which nobody waited.
        assert_eq!(limited(Some(100), 10_000), Ok(100));
        assert_eq!(limited(Some(60), 10_050), Ok(60), "ten seconds more");
        assert_eq!(limited(None, 10_110), Ok(60), "not more at once");
        assert_eq!(limited(Some(49), 10_170), Err(TooLong::Waited));
        lane.not_limited();
        assert_eq!(lane.limited(None, longest, at(10_171)), Limit::Pause(SHORTEST_PAUSE));
    }

    #[test]
    fn a_lane_that_is_given_up_stays_shut() {
        let (mut lane, now) = (Lane::new(Class::Look, usize::MAX), Instant::now());
        let longest = Duration::from_secs(60);
        lane.pause_until(now + longest);
        assert_eq!(lane.too_long(longest, now), None);
        lane.pause_until(now + longest * 2);
        assert_eq!(lane.too_long(longest, now), Some(TooLong::Asked(longest * 2)));
        lane.give_up();
        let later = now + longest * 3;
        assert_eq!(lane.too_long(longest, later), Some(TooLong::Waited));
        assert!(!lane.has_room(later));
    }
}
