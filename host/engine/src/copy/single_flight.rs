//! Values that one of many images finds out for all: a single-flight map.
//!
//! Each value is found out once however many images need it; those that wait are parked and hold no
//! permit. A failure leaves no value, and the next image that waits tries again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_store::{BoundedMap, Key};
use tokio::sync::Notify;

/// Something that may have to wait for somebody else's work.
pub(super) trait Waiter {
    /// Gives back what others need, as long as the answer lives.
    fn park(&self) -> impl Drop + Send;
}

/// Values by key, those that are known in bounded memory.
#[derive(Debug)]
pub(super) struct SingleFlight<V>(Mutex<State<V>>);

#[derive(Debug)]
struct State<V> {
    known: BoundedMap<V>,
    /// Those that somebody is finding out.
    in_flight: HashMap<Key, Arc<Notify>>,
}

impl<V> Default for SingleFlight<V> {
    fn default() -> Self {
        Self(Mutex::new(State { known: BoundedMap::default(), in_flight: HashMap::new() }))
    }
}

impl<V> SingleFlight<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of `key`, known or not.
    pub(super) const fn at(&self, key: Key) -> Flight<'_, V> {
        Flight { all: self, key }
    }
}

impl<V: Clone> SingleFlight<V> {
    /// Takes in what is known in `other`, which is newer.
    pub(super) fn adopt(&self, other: &Self) {
        for (key, value) in other.lock().known.iter() {
            self.at(key).set(value);
        }
    }
}

/// A value that one of many images finds out.
#[derive(Debug)]
pub(super) struct Flight<'a, V> {
    all: &'a SingleFlight<V>,
    key: Key,
}

impl<V: Clone> Flight<'_, V> {
    /// The value, where it is known.
    pub(super) fn get(&self) -> Option<V> {
        self.all.lock().known.get(&self.key)
    }

    /// Makes the value known, unless somebody is finding it out.
    pub(super) fn set(&self, value: V) {
        let mut state = self.all.lock();
        if !state.in_flight.contains_key(&self.key) {
            state.known.insert(self.key, value);
        }
    }

    /// Forgets a value that turned out to be wrong. What somebody is finding out stays.
    pub(super) fn forget(&self) {
        self.all.lock().known.forget(&self.key);
    }

    /// The value; `find` finds it out unless somebody else is doing so, for whom `waiter` waits.
    pub(super) async fn get_or_find<E>(
        &self,
        waiter: &impl Waiter,
        find: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        loop {
            let landed = {
                let mut state = self.all.lock();
                if let Some(value) = state.known.get(&self.key) {
                    return Ok(value);
                }
                match state.in_flight.get(&self.key) {
                    // Made under the lock, so that it does not miss the change.
                    Some(flight) => Arc::clone(flight).notified_owned(),
                    None => {
                        state.in_flight.insert(self.key, Arc::default());
                        break;
                    }
                }
            };
            let _parked = waiter.park();
            landed.await;
        }
        let flying = Flying(self);
        let value = find.await?;
        self.all.lock().known.insert(self.key, value.clone());
        drop(flying);
        Ok(value)
    }
}

/// The one who finds a value out; after its end, with a value or without, others may look.
struct Flying<'a, V>(&'a Flight<'a, V>);

impl<V> Drop for Flying<'_, V> {
    fn drop(&mut self) {
        let landed = self.0.all.lock().in_flight.remove(&self.0.key);
        if let Some(landed) = landed {
            landed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use longshore_store::Keys;

    use super::{SingleFlight, Waiter};

    /// Holds nothing that others need.
    struct Patient;

    impl Waiter for Patient {
        fn park(&self) -> impl Drop + Send {
            Box::new(())
        }
    }

    #[tokio::test]
    async fn a_value_is_found_out_once_and_a_failure_leaves_none() {
        let (all, key) = (SingleFlight::default(), Keys::default().of("x"));
        let flight = all.at(key);
        let failed: Result<u8, &str> = flight.get_or_find(&Patient, async { Err("no") }).await;
        assert_eq!((failed, flight.get()), (Err("no"), None));
        let (end, ended) = tokio::sync::oneshot::channel::<u8>();
        let mut first =
            Box::pin(flight.get_or_find(&Patient, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut first).now_or_never().is_none());
        let same = all.at(key);
        let mut second = Box::pin(same.get_or_find(&Patient, async { Ok::<_, &str>(9) }));
        assert!((&mut second).now_or_never().is_none(), "the first is finding it out already");
        end.send(7).unwrap();
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn one_that_gives_up_leaves_it_to_the_next() {
        let (all, key) = (SingleFlight::<u8>::default(), Keys::default().of("x"));
        let flight = all.at(key);
        let never = std::future::pending::<Result<u8, ()>>();
        assert!(flight.get_or_find(&Patient, never).now_or_never().is_none());
        assert_eq!(flight.get_or_find(&Patient, async { Ok::<_, ()>(1) }).await, Ok(1));
        assert!(all.lock().in_flight.is_empty(), "nothing is left of it");
    }
}
