//! The seat of an image: the right to be planned, and to have blobs on their way.
//!
//! `-j` bounds the images between their first blob and their last PUT; more are planned ahead, so that
//! there is always something to move. An image that only waits for blobs which others bring gives
//! both back meanwhile: whatever it waits for cannot be held up by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

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
            planned: Arc::new(Semaphore::new(planned)),
            copying: Arc::new(Semaphore::new(jobs.clamp(1, Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits until another image may be planned.
    pub(super) async fn seat(&self) -> Seat {
        let alive = permit(&self.alive).await;
        let planned = permit(&self.planned).await;
        Seat {
            seats: self.clone(),
            _alive: alive,
            held: Mutex::new(Held { planned, copying: None }),
            busy: AtomicUsize::new(0),
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

/// The seat of one image; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    _alive: Option<OwnedSemaphorePermit>,
    held: Mutex<Held>,
    /// Blobs of the image that are looked after and wait for nobody.
    busy: AtomicUsize,
}

impl Seat {
    /// A blob of the image is looked after from here on.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self)
    }

    /// Waits until the image may copy. Nothing that others wait for may be held.
    pub(super) async fn copies(&self) {
        let mut held = self.held.lock().await;
        if held.copying.is_none() {
            if held.planned.is_none() {
                held.planned = permit(&self.seats.planned).await;
            }
            held.copying = permit(&self.seats.copying).await;
        }
    }
}

/// A blob of an image that is looked after.
#[derive(Debug)]
pub(super) struct Busy<'a>(&'a Seat);

impl Busy<'_> {
    /// Waits for `other`, whom somebody else takes care of. If nothing else of the image goes on, it
    /// is parked.
    pub(super) async fn wait_for<T>(&self, other: impl Future<Output = T>) -> T {
        let _back = Back(self.0);
        if self.0.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Where it is locked, another blob of the image has just begun.
            if let Ok(mut held) = self.0.held.try_lock() {
                (held.planned, held.copying) = (None, None);
            }
        }
        other.await
    }
}

/// Counts a blob as looked after again, also where the wait was given up.
struct Back<'a>(&'a Seat);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::Seats;

    #[tokio::test]
    async fn who_waits_for_others_gives_its_seat_back() {
        let seats = Seats { copying: Arc::new(Semaphore::new(1)), ..Seats::new(2) };
        let (first, second) = (seats.seat().await, seats.seat().await);
        let busy = first.busy();
        first.copies().await;
        assert!(second.copies().now_or_never().is_none(), "one copies at a time");
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut waiting = Box::pin(busy.wait_for(ended));
        assert!((&mut waiting).now_or_never().is_none());
        second.copies().now_or_never().expect("the first is parked");
        end.send(()).unwrap();
        waiting.await.unwrap();
        assert!(first.copies().now_or_never().is_none(), "it lines up again");
        drop(second);
        first.copies().now_or_never().expect("the second is done");
    }

    #[tokio::test]
    async fn an_image_that_does_something_else_besides_keeps_its_seat() {
        let seats = Seats { copying: Arc::new(Semaphore::new(1)), ..Seats::new(2) };
        let (first, second) = (seats.seat().await, seats.seat().await);
        let (one, _other) = (first.busy(), first.busy());
        first.copies().await;
        let _parked = one.wait_for(std::future::pending::<()>()).now_or_never();
        assert!(second.copies().now_or_never().is_none());
    }
}
