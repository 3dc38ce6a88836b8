//! Bounds the manifest bodies that images hold in memory until their content is in its place.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Images may hold bodies of so many bytes before another one begins.
const LIMIT: u64 = 4 * 1024 * 1024;
/// An image counts so much before its manifest was read.
const UNREAD: u64 = 32 * 1024;

/// The manifest bodies that the images of a run hold. Clones share it.
///
/// Only an image that has not begun waits for room. Nobody waits for such an image: it was not
/// admitted and finds nothing out for others. An image that has begun never waits here, however large
/// its manifests are. So all of them come to an end, and then there is room for the oldest image that
/// waits. What the images that have begun read may exceed the limit.
#[derive(Clone, Debug)]
pub(super) struct BodyBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    held: Mutex<u64>,
    less: Notify,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

impl BodyBudget {
    fn with_limit(limit: u64) -> Self {
        Self(Arc::new(Shared { limit, held: Mutex::new(0), less: Notify::new() }))
    }

    /// Waits until another image may begin.
    pub(super) async fn begin(&self) -> HeldBodies {
        loop {
            // From here on no change is missed.
            let less = self.0.less.notified();
            {
                let mut held = self.0.held();
                if *held < self.0.limit {
                    *held += UNREAD;
                    return HeldBodies { budget: self.clone(), bytes: Mutex::new(UNREAD) };
                }
            }
            less.await;
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bodies that one image holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct HeldBodies {
    budget: BodyBudget,
    bytes: Mutex<u64>,
}

impl HeldBodies {
    /// The image holds so many `bytes`, as far as is known now.
    pub(super) fn are(&self, bytes: u64) {
        let before = {
            let mut known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, bytes)
        };
        let shared = &self.budget.0;
        {
            let mut held = shared.held();
            *held = *held - before + bytes;
        }
        if bytes < before {
            shared.less.notify_waiters();
        }
    }
}

impl Drop for HeldBodies {
    fn drop(&mut self) {
        self.are(0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{BodyBudget, UNREAD};

    #[tokio::test]
    async fn images_begin_while_there_is_room() {
        let budget = BodyBudget::with_limit(2 * UNREAD);
        let (first, second) = (budget.begin().await, budget.begin().await);
        let mut third = Box::pin(budget.begin());
        assert!((&mut third).now_or_never().is_none(), "nobody knows what the others hold");
        first.are(UNREAD - 1);
        let third = third.now_or_never().expect("there is room");
        second.are(100 * UNREAD);
        let mut fourth = Box::pin(budget.begin());
        assert!((&mut fourth).now_or_never().is_none());
        drop((first, third));
        assert!((&mut fourth).now_or_never().is_none(), "one holds a large manifest");
        drop(second);
        fourth.now_or_never().expect("nobody holds anything");
    }

    #[tokio::test]
    async fn one_that_has_begun_may_hold_any_amount() {
        let budget = BodyBudget::with_limit(UNREAD);
        let first = budget.begin().await;
        first.are(100 * UNREAD);
        first.are(200 * UNREAD);
        drop(first);
        budget.begin().now_or_never().expect("all of it was given back");
    }

    #[tokio::test]
    async fn room_that_came_before_anybody_waited_is_seen() {
        let budget = BodyBudget::with_limit(UNREAD);
        let first = budget.begin().await;
        let mut second = Box::pin(budget.begin());
        drop(first);
        (&mut second).now_or_never().expect("it looks before it waits");
    }
}
