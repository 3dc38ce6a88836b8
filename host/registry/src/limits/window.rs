//! AIMD windows: how many requests of a class may be in flight at a registry.
//!
//! A window grows while requests succeed, halves when the registry is overloaded, and admits
//! nothing during a pause.

use std::time::Instant;

use crate::limits::pause::Pause;

/// Blobs below this size, in bytes, are small: round trips dominate their cost.
const SMALL_BLOB: u64 = 1024 * 1024;
/// The most requests of one class in flight.
const CEILING: usize = 32;
/// The most large transfers in flight per registry.
const LARGE_CEILING: usize = 12;
/// The class of a request, by its cost for the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// HEAD of manifests and blobs, and lists.
    Lookup,
    /// GET of manifests, which some registries count against a quota.
    ManifestGet,
    /// POST that opens an upload, or mounts a blob.
    UploadStart,
    /// PUT of manifests.
    ManifestPut,
    /// A blob of 1 MiB and more, from its first request to its last.
    Large,
    /// A smaller blob.
    Small,
}

impl Class {
    /// All classes, in the order of their discriminants.
    pub(crate) const ALL: [Self; 6] = [
        Self::Lookup,
        Self::ManifestGet,
        Self::UploadStart,
        Self::ManifestPut,
        Self::Large,
        Self::Small,
    ];

    /// The name that other processes of a run know the class by.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::ManifestGet => "manifest-get",
            Self::UploadStart => "upload-start",
            Self::ManifestPut => "manifest-put",
            Self::Large => "large",
            Self::Small => "small",
        }
    }

    /// The class of a blob of `size` bytes.
    pub(crate) const fn of_blob(size: u64) -> Self {
        if size < SMALL_BLOB { Self::Small } else { Self::Large }
    }

    const fn start(self) -> usize {
        match self {
            Self::Large => 6,
            Self::Lookup
            | Self::ManifestGet
            | Self::UploadStart
            | Self::ManifestPut
            | Self::Small => 16,
        }
    }

    const fn ceiling(self) -> usize {
        match self {
            Self::Large => LARGE_CEILING,
            _ => CEILING,
        }
    }
}

/// The AIMD window of one class at one registry, and its requests in flight.
#[derive(Debug)]
pub(crate) struct Window {
    size: f64,
    ceiling: f64,
    decreased: Option<Instant>,
    pub(crate) pause: Pause,
    pub(crate) in_use: usize,
    /// Requests in flight that were admitted for their size, not for their age.
    pub(crate) admitted_by_size: usize,
    /// Transfers in flight above 1 GiB.
    pub(crate) huge: usize,
}

impl Window {
    /// Makes the initial window of `class`; it never exceeds `bound`.
    pub(crate) fn new(class: Class, bound: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "windows are small numbers")]
        let clamped = |count: usize| count.min(bound).max(1) as f64;
        Self {
            size: clamped(class.start()),
            ceiling: clamped(class.ceiling()),
            decreased: None,
            pause: Pause::default(),
            in_use: 0,
            admitted_by_size: 0,
            huge: 0,
        }
    }

    /// How many requests may be in flight, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and the ceiling"
    )]
    pub(crate) const fn window(&self) -> usize {
        self.size as usize
    }

    /// Whether a request may start now: there is room, and no pause.
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.in_use < self.window() && self.pause.is_over(now)
    }

    /// Records a success.
    ///
    /// A full window grows by one for each window of successes. A window that is not full limits no
    /// request, so it does not grow.
    pub(crate) fn succeeded(&mut self) {
        self.pause.not_throttled();
        if self.in_use >= self.window() {
            self.size = (self.size + 1.0 / self.size).min(self.ceiling);
        }
    }

    /// Halves the window after a request that was sent at `sent` overloaded the registry.
    ///
    /// One episode halves it once: requests sent before the last decrease say nothing about the new
    /// size.
    pub(crate) fn overloaded(&mut self, sent: Instant, now: Instant) {
        if self.decreased.is_none_or(|decreased| sent > decreased) {
            self.size = (self.size / 2.0).max(1.0);
            self.decreased = Some(now);
        }
    }

    /// Shrinks the window to at most `count` requests; it may grow again.
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
        assert_eq!(window.window(), 7, "a window that is not full does not grow");
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
        window.overloaded(later(1), later(2));
        window.overloaded(later(1), later(3));
        assert_eq!(window.window(), 8, "both were sent before the first decrease");
        window.overloaded(later(4), later(5));
        assert_eq!(window.window(), 4);
        (6..20).for_each(|second| window.overloaded(later(second), later(second)));
        assert_eq!(window.window(), 1, "one request is always admitted");
    }

    #[test]
    fn a_bound_holds_from_start_to_ceiling() {
        let mut window = Window::new(Class::Large, 1);
        for _ in 0..100 {
            full(&mut window);
            window.succeeded();
        }
        assert_eq!(window.window(), 1);
        assert_eq!(Window::new(Class::Lookup, CEILING).window(), 16);
    }
}
