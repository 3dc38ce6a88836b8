//! How much is read ahead: the manifest bodies that images hold until their content is in its place.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::place::CHILDREN_AT_ONCE;
use super::shape::Shape;

/// Images may hold bodies of so many bytes before another one begins.
const LIMIT: u64 = 4 * 1024 * 1024;
/// An image counts so much before its manifest was read.
const UNREAD: u64 = 32 * 1024;
/// No manifest is larger, whatever its descriptor says.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What the images of a run hold. Clones share it.
///
/// Only an image that has not begun waits for room: it has no seat, fills no cell and has no permit,
/// so nobody waits for it. One that has begun never waits here, however large its manifests are, so
/// all of them come to an end, and then there is room for the oldest of those that wait. What those
/// read that had begun by then may exceed the limit.
#[derive(Clone, Debug)]
pub(super) struct Ahead(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: u64,
    held: Mutex<u64>,
    less: Notify,
}

impl Default for Ahead {
    fn default() -> Self {
        Self::with_limit(LIMIT)
    }
}

impl Ahead {
    fn with_limit(limit: u64) -> Self {
        Self(Arc::new(Shared { limit, held: Mutex::new(0), less: Notify::new() }))
    }

    /// Waits until another image may begin.
    pub(super) async fn begin(&self) -> Bodies {
        loop {
            // From here on no change is missed.
            let less = self.0.less.notified();
            {
                let mut held = self.0.held();
                if *held < self.0.limit {
                    *held += UNREAD;
                    return Bodies { ahead: self.clone(), bytes: Mutex::new(UNREAD) };
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

/// What one image holds; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Bodies {
    ahead: Ahead,
    bytes: Mutex<u64>,
}

impl Bodies {
    /// The image holds so many `bytes`, as is known now.
    pub(super) fn are(&self, bytes: u64) {
        let before = {
            let mut known = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, bytes)
        };
        let shared = &self.ahead.0;
        {
            let mut held = shared.held();
            *held = *held - before + bytes;
        }
        if bytes < before {
            shared.less.notify_waiters();
        }
    }
}

impl Drop for Bodies {
    fn drop(&mut self) {
        self.are(0);
    }
}

/// What an image of this shape holds at most: what was read of it, and the bodies of as many children
/// as are looked after at once.
pub(super) fn held_by(shape: &Shape) -> u64 {
    let wrapped = shape.wrapped.as_ref().map_or(0, |wrapped| wrapped.raw.bytes.len());
    let config = shape.config.as_ref().map_or(0, |config| config.len());
    let mut children: Vec<u64> =
        shape.children.iter().map(|child| child.size.min(LARGEST)).collect();
    children.sort_unstable_by_key(|size| Reverse(*size));
    let children: u64 = children.iter().take(CHILDREN_AT_ONCE).sum();
    (shape.root.bytes.len() + wrapped + config) as u64 + children
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::{Ahead, UNREAD};

    #[tokio::test]
    async fn images_begin_while_there_is_room() {
        let ahead = Ahead::with_limit(2 * UNREAD);
        let (first, second) = (ahead.begin().await, ahead.begin().await);
        let mut third = Box::pin(ahead.begin());
        assert!((&mut third).now_or_never().is_none(), "nobody knows what the others hold");
        first.are(UNREAD - 1);
        let third = third.now_or_never().expect("there is room");
        second.are(100 * UNREAD);
        let mut fourth = Box::pin(ahead.begin());
        assert!((&mut fourth).now_or_never().is_none());
        drop((first, third));
        assert!((&mut fourth).now_or_never().is_none(), "one holds a large manifest");
        drop(second);
        fourth.now_or_never().expect("nobody holds anything");
    }

    #[tokio::test]
    async fn one_that_has_begun_may_hold_any_amount() {
        let ahead = Ahead::with_limit(UNREAD);
        let first = ahead.begin().await;
        first.are(100 * UNREAD);
        first.are(200 * UNREAD);
        drop(first);
        ahead.begin().now_or_never().expect("all of it was given back");
    }

    #[tokio::test]
    async fn room_that_came_before_anybody_waited_is_seen() {
        let ahead = Ahead::with_limit(UNREAD);
        let first = ahead.begin().await;
        let mut second = Box::pin(ahead.begin());
        drop(first);
        (&mut second).now_or_never().expect("it looks before it waits");
    }
}
