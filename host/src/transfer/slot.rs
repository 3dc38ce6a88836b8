//! Values that one of many jobs finds out for all.
//!
//! Each slot is filled once however many jobs wait for it; whoever waits holds no permit and no seat.
//! A failure leaves a slot empty, and the next one who waits tries again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::known::{Key, Known};
use super::seat::Seat;

/// Slots by key, those that are full in bounded memory.
#[derive(Debug)]
pub(super) struct Slots<V>(Mutex<State<V>>);

#[derive(Debug)]
struct State<V> {
    full: Known<V>,
    /// Those that somebody fills.
    filling: HashMap<Key, Arc<Notify>>,
}

impl<V> Default for Slots<V> {
    fn default() -> Self {
        Self(Mutex::new(State { full: Known::default(), filling: HashMap::new() }))
    }
}

impl<V> Slots<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot of `key`.
    pub(super) const fn at(&self, key: Key) -> Slot<'_, V> {
        Slot { slots: self, key }
    }
}

impl<V: Clone> Slots<V> {
    /// Takes in what is known in `other`, which is newer.
    pub(super) fn adopt(&self, other: &Self) {
        for (key, value) in other.lock().full.iter() {
            self.at(key).set(value);
        }
    }
}

/// A value that one of many finds out.
#[derive(Debug)]
pub(super) struct Slot<'a, V> {
    slots: &'a Slots<V>,
    key: Key,
}

impl<V: Clone> Slot<'_, V> {
    /// The value, where it is known.
    pub(super) fn get(&self) -> Option<V> {
        self.slots.lock().full.get(&self.key)
    }

    /// Makes the value known, unless somebody is finding it out.
    pub(super) fn set(&self, value: V) {
        let mut state = self.slots.lock();
        if !state.filling.contains_key(&self.key) {
            state.full.insert(self.key, value);
        }
    }

    /// What is known is wrong. What somebody is finding out stays.
    pub(super) fn forget(&self) {
        self.slots.lock().full.forget(&self.key);
    }

    /// The value; `fill` finds it out unless somebody else does, who is waited for.
    pub(super) async fn get_or_fill<E>(
        &self,
        seat: &Seat,
        fill: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        loop {
            let filled = {
                let mut state = self.slots.lock();
                if let Some(value) = state.full.get(&self.key) {
                    return Ok(value);
                }
                match state.filling.get(&self.key) {
                    // Made under the lock, so that it does not miss the change.
                    Some(filling) => Arc::clone(filling).notified_owned(),
                    None => {
                        state.filling.insert(self.key, Arc::default());
                        break;
                    }
                }
            };
            seat.waits_for(filled).await;
        }
        let filling = Filling(self);
        let value = fill.await?;
        self.slots.lock().full.insert(self.key, value.clone());
        drop(filling);
        Ok(value)
    }
}

/// Whoever fills a slot; if he gives up, another may.
struct Filling<'a, V>(&'a Slot<'a, V>);

impl<V> Drop for Filling<'_, V> {
    fn drop(&mut self) {
        let filled = self.0.slots.lock().filling.remove(&self.0.key);
        if let Some(filled) = filled {
            filled.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Slots;
    use crate::transfer::known::Keys;
    use crate::transfer::seat::Seats;

    #[tokio::test]
    async fn a_slot_is_filled_once_and_a_failure_leaves_it_empty() {
        let seat = Seats::new(1).seat().await;
        let (slots, key) = (Slots::default(), Keys::default().of("x"));
        let slot = slots.at(key);
        let failed: Result<u8, &str> = slot.get_or_fill(&seat, async { Err("no") }).await;
        assert_eq!((failed, slot.get()), (Err("no"), None));
        let (end, ended) = tokio::sync::oneshot::channel::<u8>();
        let mut first =
            Box::pin(slot.get_or_fill(&seat, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut first).now_or_never().is_none());
        let (second_seat, same) = (Seats::new(1).seat().await, slots.at(key));
        let mut second = Box::pin(same.get_or_fill(&second_seat, async { Ok::<_, &str>(9) }));
        assert!((&mut second).now_or_never().is_none(), "somebody finds it out already");
        end.send(7).unwrap();
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_it_to_the_next() {
        let seat = Seats::new(1).seat().await;
        let (slots, key) = (Slots::<u8>::default(), Keys::default().of("x"));
        let slot = slots.at(key);
        let gone = slot.get_or_fill(&seat, std::future::pending::<Result<u8, ()>>()).now_or_never();
        assert!(gone.is_none());
        assert_eq!(slot.get_or_fill(&seat, async { Ok::<_, ()>(1) }).await, Ok(1));
        assert!(slots.lock().filling.is_empty(), "nothing is left of it");
    }
}
