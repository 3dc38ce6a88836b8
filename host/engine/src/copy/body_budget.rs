//! A memory budget for the manifest bodies that running images hold.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// No image starts while the others hold this many bytes.
const LIMIT: u64 = 4 * 1024 * 1024;
/// The bytes assumed for an image whose manifest is not read yet.
const UNREAD: u64 = 32 * 1024;

/// The memory budget of a run. Clones share it.
///
/// Only images that have not started wait for the budget, and no other image depends on those. A
/// started image never waits here, however large its manifests are, so its bodies may exceed the
/// limit. Therefore all started images finish, and then the oldest waiting image gets its room.
#[derive(Clone, Debug)]
pub(super) struct BodyBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    held: Mutex<u64>,
    freed: Notify,
}

impl Default for BodyBudget {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

impl BodyBudget {
    fn with_limit(limit: u64) -> Self {
        Self(Arc::new(Shared { limit, held: Mutex::new(0), freed: Notify::new() }))
    }

    /// Waits until another image may start.
    pub(super) async fn begin(&self) -> HeldBodies {
        loop {
            // Registers for notifications before the check, so that none is missed.
            let freed = self.0.freed.notified();
            {
                let mut held = self.0.held();
                if *held < self.0.limit {
                    *held += UNREAD;
                    return HeldBodies { budget: self.clone(), bytes: Mutex::new(UNREAD) };
                }
            }
            freed.await;
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, u64> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bodies that one image holds; returned to the budget on drop.
#[derive(Debug)]
pub(super) struct HeldBodies {
    budget: BodyBudget,
    bytes: Mutex<u64>,
}

impl HeldBodies {
    /// Sets the number of `bytes` that the image holds.
    pub(super) fn set(&self, bytes: u64) {
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
            shared.freed.notify_waiters();
        }
    }
}

impl Drop for HeldBodies {
    fn drop(&mut self) {
        self.set(0);
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
        assert!((&mut third).now_or_never().is_none(), "the others have not reported their bytes");
        first.set(UNREAD - 1);
        let third = third.now_or_never().expect("there is room");
        second.set(100 * UNREAD);
        let mut fourth = Box::pin(budget.begin());
        assert!((&mut fourth).now_or_never().is_none());
        drop((first, third));
        assert!((&mut fourth).now_or_never().is_none(), "one holds a large manifest");
        drop(second);
        fourth.now_or_never().expect("the budget is free");
    }

    #[tokio::test]
    async fn one_that_has_begun_may_hold_any_amount() {
        let budget = BodyBudget::with_limit(UNREAD);
        let first = budget.begin().await;
        first.set(100 * UNREAD);
        first.set(200 * UNREAD);
        drop(first);
        budget.begin().now_or_never().expect("all of it was given back");
    }

    #[tokio::test]
    async fn room_freed_before_the_wait_is_noticed() {
        let budget = BodyBudget::with_limit(UNREAD);
        let first = budget.begin().await;
        let mut second = Box::pin(budget.begin());
        drop(first);
        (&mut second).now_or_never().expect("it looks before it waits");
    }
}
