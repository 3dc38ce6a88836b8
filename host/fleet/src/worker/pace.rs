//! How many images a worker holds at once.
//!
//! The images that one worker holds are not there for the others, which may be done before it. So a worker
//! begins with few images, and holds more as long as more images move more bytes.

use std::time::{Duration, Instant};

/// The fewest images that a worker holds. With two, the blobs of one move while the manifests of the other are
/// pushed.
const FEWEST: usize = 2;
/// The images that a worker holds at first.
const FIRST: usize = 4;
/// The time over which the throughput is measured.
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// More images are worth it if the throughput grows by at least one part in so many.
const GROWTH: u64 = 8;

/// How many images a worker may hold, by its throughput so far.
#[derive(Debug)]
pub(super) struct Pace {
    allowed: usize,
    most: usize,
    /// The images that had ended.
    ended: usize,
    /// The bytes that had moved, and when.
    moved: (u64, Instant),
    /// The highest throughput, in bytes per second.
    best: u64,
    /// Whether more images have just begun, whose blobs do not move yet.
    is_settling: bool,
}

/// The fewest images that a worker holds if it copies `at_once` at once.
fn fewest(at_once: usize) -> usize {
    at_once.min(FEWEST)
}

/// The most images that a worker holds. It looks at the next ones while blobs move.
const fn most(at_once: usize) -> usize {
    at_once.saturating_mul(2)
}

impl Pace {
    /// Makes the pace of a worker that copies at most `at_once` images at once.
    pub(super) fn new(at_once: usize, now: Instant) -> Self {
        Self {
            allowed: at_once.min(FIRST),
            most: most(at_once),
            ended: 0,
            moved: (0, now),
            best: 0,
            is_settling: false,
        }
    }

    /// Returns how many images the worker may hold, after `moved` bytes and `ended` images.
    pub(super) fn allowed(&mut self, now: Instant, moved: u64, ended: usize) -> usize {
        // Images that end quickly leave no time to count bytes.
        self.allowed += ended.saturating_sub(self.ended);
        self.ended = ended;
        let elapsed = now.saturating_duration_since(self.moved.1);
        if elapsed >= PERIOD {
            let bytes = u128::from(moved.saturating_sub(self.moved.0)) * 1000;
            let rate = u64::try_from(bytes / elapsed.as_millis().max(1)).unwrap_or(u64::MAX);
            self.moved = (moved, now);
            self.count(rate);
        }
        self.allowed = self.allowed.min(self.most);
        self.allowed
    }

    /// Takes the throughput of a period.
    fn count(&mut self, rate: u64) {
        if rate == 0 {
            // All images wait, for example for blobs of other workers.
            self.allowed += 1;
        } else if std::mem::take(&mut self.is_settling) {
            return;
        } else if rate > self.best.saturating_add(self.best / GROWTH) {
            self.allowed *= 2;
            self.is_settling = true;
        }
        self.best = self.best.max(rate);
    }
}

/// Returns how many images one of `workers` holds at most while `left` images are not given out. It is half of
/// its share of them, so that all workers end at about the same time.
pub(super) fn share(left: usize, workers: usize, at_once: usize) -> usize {
    if workers < 2 {
        return most(at_once);
    }
    (left / workers / 2).clamp(fewest(at_once), most(at_once))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{PERIOD, Pace, share};

    /// The images that a worker with `-j 8` may hold after each second, of a link that moves so many bytes
    /// per second for that number of images.
    fn over_time(seconds: u32, link: impl Fn(usize) -> u64) -> Vec<usize> {
        let start = Instant::now();
        let mut pace = Pace::new(8, start);
        let (mut moved, mut held) = (0, 4);
        (1..=seconds)
            .map(|second| {
                moved += link(held);
                held = pace.allowed(start + PERIOD * second, moved, 0);
                held
            })
            .collect()
    }

    #[test]
    fn a_full_link_gets_no_more_images() {
        assert_eq!(over_time(6, |_| 40_000_000), [8; 6]);
        // Its second image was late.
        assert_eq!(over_time(6, |held| 30_000_000 * held.min(3) as u64)[3..], [8, 8, 8]);
        assert_eq!(over_time(3, |_| u64::MAX / 4), [8; 3]);
    }

    #[test]
    fn slow_connections_get_more_images_until_they_fill_the_link() {
        let slow = |held: usize| 2_000_000 * held as u64;
        assert_eq!(over_time(5, slow), [8, 8, 16, 16, 16]);
        assert_eq!(over_time(5, |held| slow(held.min(4))), [8; 5]);
    }

    #[test]
    fn images_that_wait_for_others_leave_room() {
        assert_eq!(over_time(4, |_| 0), [5, 6, 7, 8]);
        assert_eq!(*over_time(40, |_| 0).last().unwrap(), 16, "at most twice -j");
    }

    #[test]
    fn images_that_end_quickly_are_followed_by_more() {
        let start = Instant::now();
        let mut pace = Pace::new(8, start);
        let held: Vec<usize> =
            [0, 2, 6, 14, 99].into_iter().map(|ended| pace.allowed(start, 0, ended)).collect();
        assert_eq!(held, [4, 6, 10, 16, 16]);
        assert_eq!(Pace::new(1, start).allowed(start, 0, 0), 1);
        assert_eq!(Pace::new(1, start).allowed(start, 0, 9), 2);
    }

    #[test]
    fn workers_leave_images_to_each_other() {
        let of = |left, workers| share(left, workers, 8);
        assert_eq!([of(1000, 4), of(40, 4), of(17, 4), of(16, 4), of(0, 4)], [16, 5, 2, 2, 2]);
        assert_eq!([of(0, 1), of(9, 0), of(9, 1)], [16; 3], "nobody else takes them");
        assert_eq!([share(0, 4, 1), share(8, 4, 1), share(16, 4, 1)], [1, 1, 2]);
        assert_eq!(share(usize::MAX, 2, usize::MAX), usize::MAX / 4);
    }
}
