//! The seat of an image: the right to be planned, and to have blobs on their way.
//!
//! `-j` bounds the images between their first blob and their last PUT; more are planned ahead, so that
//! there is always something to move. An image that only waits for blobs which others bring gives
//! both back meanwhile: whatever it waits for cannot be held up by it.

use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::ahead::{Ahead, Bodies};

/// So many images are planned at once for each that copies.
const PLANNED_PER_JOB: usize = 32;
/// No more images are planned at once.
const PLANNED: usize = 256;
/// No more images wait for others besides.
const PARKED: usize = 4096;

/// The seats of a run.
#[derive(Clone, Debug)]
pub(super) struct Seats {
    /// Images that are alive in any way.
    alive: Arc<Semaphore>,
    ahead: Ahead,
    planned: Arc<Semaphore>,
    copying: Arc<Semaphore>,
}

impl Seats {
    /// Seats for `jobs` images that copy at once, at least one.
    pub(super) fn new(jobs: usize) -> Self {
        // Whoever says 1 means one after the other.
        let ahead = if jobs > 1 { jobs.saturating_mul(PLANNED_PER_JOB).min(PLANNED) } else { 1 };
        let planned = ahead.max(jobs).min(Semaphore::MAX_PERMITS / 2);
        Self {
            alive: Arc::new(Semaphore::new(planned + PARKED)),
            ahead: Ahead::default(),
            planned: Arc::new(Semaphore::new(planned)),
            copying: Arc::new(Semaphore::new(jobs.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits until another image may be planned.
    pub(super) async fn seat(&self) -> Seat {
        let alive = permit(&self.alive).await;
        // Before the right to be planned, which those that are parked need again.
        let bodies = self.ahead.begin().await;
        let planned = permit(&self.planned).await;
        Seat {
            seats: self.clone(),
            _alive: alive,
            bodies,
            held: Mutex::new(Held { planned, copying: None }),
            doing: std::sync::Mutex::default(),
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // No semaphore of a run is ever closed.
    Arc::clone(semaphore).acquire_owned().await.ok()
}

#[derive(Debug)]
struct Held {
    planned: Option<OwnedSemaphorePermit>,
    copying: Option<OwnedSemaphorePermit>,
}

/// What an image does at the moment.
#[derive(Debug, Default)]
struct Doing {
    /// Blobs that it moves or mounts; none of these waits for another image.
    copies: usize,
    /// What it waits for that others bring.
    waits: usize,
}

/// The seat of one image; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    _alive: Option<OwnedSemaphorePermit>,
    bodies: Bodies,
    held: Mutex<Held>,
    doing: std::sync::Mutex<Doing>,
}

impl Seat {
    /// The image holds so many bytes of manifests until its end.
    pub(super) fn holds(&self, bytes: u64) {
        self.bodies.are(bytes);
    }

    /// Waits until the image may copy; it does so as long as the answer lives. Nothing that others
    /// wait for may be awaited meanwhile.
    pub(super) async fn copies(&self) -> Copies<'_> {
        let mut held = self.held.lock().await;
        if held.copying.is_none() {
            if held.planned.is_none() {
                held.planned = permit(&self.seats.planned).await;
            }
            held.copying = permit(&self.seats.copying).await;
        }
        self.doing().copies += 1;
        Copies(self)
    }

    /// Waits for `other`, whom another image takes care of. While the image does nothing but wait, it
    /// is parked.
    pub(super) async fn waits_for<T>(&self, other: impl Future<Output = T>) -> T {
        self.doing().waits += 1;
        let _waits = Waits(self);
        self.park();
        other.await
    }

    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back what is held, if the image only waits.
    fn park(&self) {
        // Where it is locked, a blob of the image lines up, and parks it when it is done.
        if let Ok(mut held) = self.held.try_lock() {
            let doing = self.doing();
            if doing.copies == 0 && doing.waits > 0 {
                (held.planned, held.copying) = (None, None);
            }
        }
    }
}

/// An image that copies.
#[derive(Debug)]
pub(super) struct Copies<'a>(&'a Seat);

impl Drop for Copies<'_> {
    fn drop(&mut self) {
        self.0.doing().copies -= 1;
        self.0.park();
    }
}

/// An image that waits.
struct Waits<'a>(&'a Seat);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.doing().waits -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::Seats;

    fn seats_for_one() -> Seats {
        Seats { copying: Arc::new(Semaphore::new(1)), ..Seats::new(2) }
    }

    #[tokio::test]
    async fn who_waits_for_others_gives_its_seat_back() {
        let seats = seats_for_one();
        let (first, second) = (seats.seat().await, seats.seat().await);
        drop(first.copies().await);
        assert!(second.copies().now_or_never().is_none(), "between its blobs it stays");
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut waiting = Box::pin(first.waits_for(ended));
        assert!((&mut waiting).now_or_never().is_none());
        second.copies().now_or_never().expect("the first is parked");
        end.send(()).unwrap();
        waiting.await.unwrap();
        assert!(first.copies().now_or_never().is_none(), "it lines up again");
        drop(second);
        first.copies().now_or_never().expect("the second is done");
    }

    #[tokio::test]
    async fn who_waits_and_copies_keeps_its_seat_until_it_only_waits() {
        let seats = seats_for_one();
        let (first, second) = (seats.seat().await, seats.seat().await);
        let copies = first.copies().await;
        let mut outer = Box::pin(first.waits_for(first.waits_for(std::future::pending::<()>())));
        assert!((&mut outer).now_or_never().is_none());
        assert!(second.copies().now_or_never().is_none());
        drop(copies);
        second.copies().now_or_never().expect("what is left of the first is waiting");
    }

    #[tokio::test]
    async fn who_may_not_begin_takes_no_seat_from_those_who_must_end() {
        let seats = Seats { planned: Arc::new(Semaphore::new(1)), ..Seats::new(1) };
        let first = seats.seat().await;
        first.holds(100 << 20);
        let waits = Box::pin(first.waits_for(std::future::pending::<()>())).now_or_never();
        assert!(waits.is_none());
        let mut second = Box::pin(seats.seat());
        assert!((&mut second).now_or_never().is_none(), "so much is held already");
        drop(first.copies().now_or_never().expect("the first goes on"));
        drop(first);
        second.now_or_never().expect("nothing is held");
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_counts_no_more() {
        let seats = seats_for_one();
        let (first, second) = (seats.seat().await, seats.seat().await);
        let _given_up = first.waits_for(std::future::pending::<()>()).now_or_never();
        drop(first.copies().await);
        assert!(second.copies().now_or_never().is_none(), "it waits for nobody");
    }
}
