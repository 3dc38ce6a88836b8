//! How much is asked of a registry at once: a window for each class of requests, which grows while
//! all goes well, halves when the registry is overrun, and stands still while it asks for a pause.

use std::time::Instant;

use crate::limits::pause::Pause;

/// Blobs below this size are small, in bytes: what they cost is round trips.
const SMALL_BLOB: u64 = 1024 * 1024;
/// No class has more requests under way.
const CEILING: usize = 32;
/// No registry has more large transfers under way.
const LARGE_CEILING: usize = 12;
/// What a request costs the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
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
    pub(crate) const ALL: [Self; 6] =
        [Self::Look, Self::ManifestGet, Self::Open, Self::ManifestPut, Self::Large, Self::Small];

    /// The class of a blob of `size` bytes.
    pub(crate) const fn of_blob(size: u64) -> Self {
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

/// The window of one class at one registry, and who is in it.
#[derive(Debug)]
pub(crate) struct Window {
    size: f64,
    ceiling: f64,
    decreased: Option<Instant>,
    pub(crate) pause: Pause,
    pub(crate) in_use: usize,
    /// Transfers in it that were let in for their size rather than for their age.
    pub(crate) by_size: usize,
    /// Transfers in it above 1 GiB.
    pub(crate) huge: usize,
}

impl Window {
    /// The window that `class` starts with; it never exceeds `bound`.
    pub(crate) fn new(class: Class, bound: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "windows are small numbers")]
        let within = |count: usize| count.min(bound).max(1) as f64;
        Self {
            size: within(class.start()),
            ceiling: within(class.ceiling()),
            decreased: None,
            pause: Pause::default(),
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
    pub(crate) const fn window(&self) -> usize {
        self.size as usize
    }

    /// Is there room, and no pause?
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.in_use < self.window() && self.pause.is_over(now)
    }

    /// What was let in went well: one more for each window of successes, if the window was what
    /// kept others waiting.
    pub(crate) fn succeeded(&mut self) {
        self.pause.not_limited();
        if self.in_use >= self.window() {
            self.size = (self.size + 1.0 / self.size).min(self.ceiling);
        }
    }

    /// The registry was overrun by what was sent at `sent`. One episode halves the window once: what
    /// was under way before that says nothing about the new one.
    pub(crate) fn overrun(&mut self, sent: Instant, now: Instant) {
        if self.decreased.is_none_or(|decreased| sent > decreased) {
            self.size = (self.size / 2.0).max(1.0);
            self.decreased = Some(now);
        }
    }

    /// No more than `count` at once from here on, until it grows again.
    pub(crate) fn shrink_to(&mut self, count: usize) {
        #[expect(clippy::cast_precision_loss, reason = "windows are small numbers")]
        let count = count.max(1) as f64;
        self.size = self.size.min(count);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{CEILING, Class, Window};

    fn full(window: &mut Window) {
        window.in_use = window.window();
    }

    #[test]
    fn a_window_grows_by_one_for_each_window_of_successes() {
        let mut window = Window::new(Class::Large, usize::MAX);
        full(&mut window);
        (0..6).for_each(|_| window.succeeded());
        assert_eq!(window.window(), 6, "not quite yet");
        window.succeeded();
        assert_eq!(window.window(), 7);
        window.in_use = 1;
        (0..100).for_each(|_| window.succeeded());
        assert_eq!(window.window(), 7, "a window that nobody fills does not grow");
        for _ in 0..10_000 {
            full(&mut window);
            window.succeeded();
        }
        assert_eq!(window.window(), 12);
    }

    #[test]
    fn one_episode_halves_once() {
        let mut window = Window::new(Class::Small, usize::MAX);
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        window.overrun(later(1), later(2));
        window.overrun(later(1), later(3));
        assert_eq!(window.window(), 8, "both were sent before the first decrease");
        window.overrun(later(4), later(5));
        assert_eq!(window.window(), 4);
        (6..20).for_each(|second| window.overrun(later(second), later(second)));
        assert_eq!(window.window(), 1, "somebody can always go on");
    }

    #[test]
    fn a_bound_holds_from_start_to_ceiling() {
        let mut window = Window::new(Class::Large, 1);
        for _ in 0..100 {
            full(&mut window);
            window.succeeded();
        }
        assert_eq!(window.window(), 1);
        assert_eq!(Window::new(Class::Look, CEILING).window(), 16);
    }
}
