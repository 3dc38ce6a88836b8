//! Admission of images: limits how many are planned and how many copy.
//!
//! `-j` limits the images between their first blob and their last PUT. More are planned ahead, so
//! that there is always something to transfer.
//!
//! An image that only waits for blobs of other images returns both permits while it waits, so that
//! it cannot block them.
//!
//! An image with large manifests needs its turn, and begins again when it has it. Nothing waits for an
//! image without its turn, because what it had begun is dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::body_budget::{BodyBudget, HeldBodies};
use super::single_flight::Waiter;

/// Images planned ahead for each one that copies.
const PLANNED_PER_JOB: usize = 32;
/// The most images planned at once.
const PLANNED: usize = 256;
/// The most images waiting for other images, in addition.
const PARKED: usize = 4096;
/// The bytes of manifests above which an image needs its turn.
const LARGE: u64 = 256 * 1024;
/// A manifest up to this size, in bytes, is not counted if it was read on the way.
const SMALL: u64 = 32 * 1024;

/// The image holds more bytes of manifests than it may without its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeedsTurn;

/// Admits the images of a run.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    /// Bounds the images that have started and not ended.
    started: Arc<Semaphore>,
    bodies: BodyBudget,
    planned: Arc<Semaphore>,
    copying: Arc<Semaphore>,
    /// One image with large manifests at a time.
    turn: Arc<Semaphore>,
}

impl Admission {
    /// Admits at most `jobs` copying images, at least one.
    pub(super) fn new(jobs: usize) -> Self {
        // `-j 1` asks for one image after the other, so nothing is planned ahead.
        let ahead = if jobs > 1 { jobs.saturating_mul(PLANNED_PER_JOB).min(PLANNED) } else { 1 };
        let planned = ahead.max(jobs).min(Semaphore::MAX_PERMITS / 2);
        Self {
            started: Arc::new(Semaphore::new(planned + PARKED)),
            bodies: BodyBudget::default(),
            planned: Arc::new(Semaphore::new(planned)),
            copying: Arc::new(Semaphore::new(jobs.clamp(1, Semaphore::MAX_PERMITS))),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits until another image may be planned.
    pub(super) async fn admit(&self) -> Admitted {
        let started = permit(&self.started).await;
        // Acquired before the planning permit, which parked images need again.
        let bodies = self.bodies.begin().await;
        let planned = permit(&self.planned).await;
        Admitted {
            admission: self.clone(),
            _started: started,
            bodies,
            known_bytes: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            turn: OnceLock::new(),
            permits: Mutex::new(Permits { planned, copying: None }),
            waited: std::sync::Mutex::default(),
            activity: std::sync::Mutex::default(),
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // The semaphores of a run are never closed.
    Arc::clone(semaphore).acquire_owned().await.ok()
}

#[derive(Debug)]
struct Permits {
    planned: Option<OwnedSemaphorePermit>,
    copying: Option<OwnedSemaphorePermit>,
}

/// What an image is doing.
#[derive(Debug, Default)]
struct Activity {
    /// Blobs that it transfers or mounts. None of them waits for another image.
    copies: usize,
    /// Values that other images compute for it.
    parked: usize,
}

/// An admitted image. Its permits are returned on drop.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Admission,
    _started: Option<OwnedSemaphorePermit>,
    bodies: HeldBodies,
    /// Bytes of manifests that the image is known to need.
    known_bytes: AtomicU64,
    /// Bytes of large manifests that it read beside those.
    read_bytes: AtomicU64,
    turn: OnceLock<Option<OwnedSemaphorePermit>>,
    permits: Mutex<Permits>,
    /// How long it has waited for its turn to copy.
    waited: std::sync::Mutex<Duration>,
    activity: std::sync::Mutex<Activity>,
}

impl Admitted {
    /// Records the bytes of manifests that the image needs from now on.
    ///
    /// # Errors
    /// If it needs its turn to hold so many bytes.
    pub(super) fn hold(&self, bytes: u64) -> Result<(), NeedsTurn> {
        self.known_bytes.store(bytes, Ordering::Relaxed);
        self.check_held()
    }

    /// Records that the image read a manifest of so many bytes, whatever its descriptor says.
    ///
    /// # Errors
    /// If the image needs its turn.
    pub(super) fn hold_more(&self, bytes: usize) -> Result<(), NeedsTurn> {
        if bytes as u64 > SMALL {
            self.read_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            self.check_held()?;
        }
        Ok(())
    }

    fn check_held(&self) -> Result<(), NeedsTurn> {
        let [known, read] =
            [&self.known_bytes, &self.read_bytes].map(|bytes| bytes.load(Ordering::Relaxed));
        let held = known + read;
        if held > LARGE && self.turn.get().is_none() {
            return Err(NeedsTurn);
        }
        self.bodies.set(held);
        Ok(())
    }

    /// Waits for the turn of an image with large manifests, and keeps it. The image holds no manifest and
    /// has begun nothing.
    pub(super) async fn take_turn(&self) {
        self.read_bytes.store(0, Ordering::Relaxed);
        let _parked = self.park();
        let asked = Instant::now();
        let turn = permit(&self.admission.turn).await;
        self.count_wait(asked);
        // Only the image itself asks, and only once.
        drop(self.turn.set(turn));
    }

    /// Waits until the image may copy; it may copy until the guard is dropped.
    ///
    /// While it holds the guard, it must not wait for another image.
    pub(super) async fn copying(&self) -> Copying<'_> {
        let mut permits = self.permits.lock().await;
        if permits.copying.is_none() {
            let asked = Instant::now();
            if permits.planned.is_none() {
                permits.planned = permit(&self.admission.planned).await;
            }
            permits.copying = permit(&self.admission.copying).await;
            self.count_wait(asked);
        }
        self.activity().copies += 1;
        Copying(self)
    }

    fn count_wait(&self, since: Instant) {
        *self.waited.lock().unwrap_or_else(PoisonError::into_inner) += since.elapsed();
    }

    /// How long the image has waited for its turn to copy (`-j`).
    pub(super) fn waited(&self) -> Duration {
        *self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the permits if the image only waits.
    fn release_if_idle(&self) {
        // If the lock is taken, a blob of the image waits for a permit, and returns it when it is
        // done.
        if let Ok(mut permits) = self.permits.try_lock() {
            let activity = self.activity();
            if activity.copies == 0 && activity.parked > 0 {
                (permits.planned, permits.copying) = (None, None);
            }
        }
    }
}

impl Waiter for Admitted {
    fn park(&self) -> impl Drop + Send {
        self.activity().parked += 1;
        self.release_if_idle();
        Parked(self)
    }
}

/// A guard of an image that copies.
#[derive(Debug)]
pub(super) struct Copying<'a>(&'a Admitted);

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        self.0.activity().copies -= 1;
        self.0.release_if_idle();
    }
}

/// A guard of an image that waits.
struct Parked<'a>(&'a Admitted);

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.activity().parked -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::{Admission, LARGE, NeedsTurn, SMALL};
    use crate::copy::single_flight::Waiter as _;

    fn one_at_a_time() -> Admission {
        Admission { copying: Arc::new(Semaphore::new(1)), ..Admission::new(2) }
    }

    #[tokio::test]
    async fn an_image_that_waits_for_others_gives_its_permits_back() {
        let admission = one_at_a_time();
        let (first, second) = (admission.admit().await, admission.admit().await);
        drop(first.copying().await);
        assert!(second.copying().now_or_never().is_none(), "between its blobs the first stays");
        let waiting = first.park();
        second.copying().now_or_never().expect("the first is parked");
        drop(waiting);
        assert!(first.copying().now_or_never().is_none(), "it lines up again");
        drop(second);
        first.copying().now_or_never().expect("the second is done");
    }

    #[tokio::test]
    async fn an_image_that_waits_and_copies_keeps_its_permits_until_it_only_waits() {
        let admission = one_at_a_time();
        let (first, second) = (admission.admit().await, admission.admit().await);
        let copies = first.copying().await;
        let _waits = (first.park(), first.park());
        assert!(second.copying().now_or_never().is_none());
        drop(copies);
        second.copying().now_or_never().expect("what is left of the first is waiting");
    }

    #[tokio::test]
    async fn an_image_that_may_not_begin_takes_no_permit_from_those_that_must_end() {
        let admission = Admission { planned: Arc::new(Semaphore::new(1)), ..Admission::new(1) };
        let first = admission.admit().await;
        first.take_turn().await;
        first.hold(100 << 20).expect("it is its turn");
        drop(first.park());
        let mut second = Box::pin(admission.admit());
        assert!((&mut second).now_or_never().is_none(), "the budget is used up");
        drop(first.copying().now_or_never().expect("the first goes on"));
        drop(first);
        second.now_or_never().expect("nothing is held");
    }

    #[tokio::test]
    async fn large_images_come_one_at_a_time_and_small_ones_go_on() {
        let admission = Admission::new(4);
        let images = [admission.admit().await, admission.admit().await, admission.admit().await];
        let [first, second, small] = &images;
        assert_eq!(first.hold(LARGE), Ok(()), "so much needs no turn");
        for large in [first, second] {
            assert_eq!(large.hold(LARGE + 1), Err(NeedsTurn));
        }
        first.take_turn().await;
        assert_eq!(first.hold(64 << 20), Ok(()));
        assert!(second.take_turn().now_or_never().is_none(), "the first is large too");
        assert_eq!(small.hold(SMALL), Ok(()));
        drop(images.into_iter().next());
    }

    #[tokio::test]
    async fn manifests_that_are_larger_than_announced_count() {
        let admission = Admission::new(2);
        for sizes in [vec![LARGE + 1], vec![SMALL + 1; 8], vec![1 << 10, LARGE, SMALL, SMALL + 1]] {
            let image = admission.admit().await;
            let held = sizes.iter().try_for_each(|size| image.hold_more(*size as usize));
            assert_eq!(held, Err(NeedsTurn), "{sizes:?}");
            image.take_turn().await;
            sizes.iter().try_for_each(|size| image.hold_more(*size as usize)).unwrap();
        }
        let image = admission.admit().await;
        for _ in 0..1000 {
            image.hold_more(SMALL as usize).unwrap();
        }
    }

    #[tokio::test]
    async fn an_image_that_waits_for_its_turn_holds_no_permit() {
        let admission = Admission { planned: Arc::new(Semaphore::new(2)), ..Admission::new(1) };
        let (first, second) = (admission.admit().await, admission.admit().await);
        first.take_turn().await;
        let mut waiting = Box::pin(second.take_turn());
        assert!((&mut waiting).now_or_never().is_none());
        admission.admit().now_or_never().expect("another image may be planned");
        drop(first);
        waiting.await;
        second.hold(64 << 20).unwrap();
    }

    #[tokio::test]
    async fn a_cancelled_wait_does_not_count() {
        let admission = one_at_a_time();
        let (first, second) = (admission.admit().await, admission.admit().await);
        drop(first.park());
        drop(first.copying().await);
        assert!(second.copying().now_or_never().is_none(), "the first does not wait");
    }
}
