//! A single-flight map: one image computes a value for all that need it.
//!
//! Waiting images are parked and hold no permit. After a failure there is no value, and the next
//! waiting image tries again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_store::{BoundedMap, Key};
use tokio::sync::Notify;

/// Something that may wait for another image's work.
pub(super) trait Waiter {
    /// Returns the permits that others need, until the guard is dropped.
    fn park(&self) -> impl Drop + Send;
}

/// Values by key. Known values are kept in bounded memory.
#[derive(Debug)]
pub(super) struct SingleFlight<V>(Mutex<State<V>>);

#[derive(Debug)]
struct State<V> {
    known: BoundedMap<V>,
    /// Values that are being computed.
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

    /// The entry of `key`, whether its value is known or not.
    pub(super) const fn at(&self, key: Key) -> Flight<'_, V> {
        Flight { all: self, key }
    }
}

impl<V: Clone> SingleFlight<V> {
    /// Merges the values known to `other`, which are newer.
    pub(super) fn merge(&self, other: &Self) {
        for (key, value) in other.lock().known.iter() {
            self.at(key).set(value);
        }
    }
}

/// The entry of one value.
#[derive(Debug)]
pub(super) struct Flight<'a, V> {
    all: &'a SingleFlight<V>,
    key: Key,
}

impl<V: Clone> Flight<'_, V> {
    /// The value, if it is known.
    pub(super) fn get(&self) -> Option<V> {
        self.all.lock().known.get(&self.key)
    }

    /// Sets the value, unless it is being computed.
    pub(super) fn set(&self, value: V) {
        let mut state = self.all.lock();
        if !state.in_flight.contains_key(&self.key) {
            state.known.insert(self.key, value);
        }
    }

    /// Forgets a value that turned out to be wrong. A computation in flight continues.
    pub(super) fn forget(&self) {
        self.all.lock().known.forget(&self.key);
    }

    /// Returns the value, or computes it with `compute`.
    ///
    /// If another image is computing it, `waiter` is parked until that ends.
    pub(super) async fn get_or_compute<E>(
        &self,
        waiter: &impl Waiter,
        compute: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        loop {
            let finished = {
                let mut state = self.all.lock();
                if let Some(value) = state.known.get(&self.key) {
                    return Ok(value);
                }
                match state.in_flight.get(&self.key) {
                    // Registered under the lock, so that no notification is missed.
                    Some(flight) => Arc::clone(flight).notified_owned(),
                    None => {
                        state.in_flight.insert(self.key, Arc::default());
                        break;
                    }
                }
            };
            let _parked = waiter.park();
            finished.await;
        }
        let guard = FlightGuard(self);
        let value = compute.await?;
        self.all.lock().known.insert(self.key, value.clone());
        drop(guard);
        Ok(value)
    }
}

/// Marks a value as being computed. On drop, with or without a value, the waiters try again.
struct FlightGuard<'a, V>(&'a Flight<'a, V>);

impl<V> Drop for FlightGuard<'_, V> {
    fn drop(&mut self) {
        let finished = self.0.all.lock().in_flight.remove(&self.0.key);
        if let Some(finished) = finished {
            finished.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use longshore_store::Keys;

    use super::{SingleFlight, Waiter};

    /// A waiter without permits.
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
        let failed: Result<u8, &str> = flight.get_or_compute(&Patient, async { Err("no") }).await;
        assert_eq!((failed, flight.get()), (Err("no"), None));
        let (end, ended) = tokio::sync::oneshot::channel::<u8>();
        let mut first =
            Box::pin(flight.get_or_compute(&Patient, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut first).now_or_never().is_none());
        let same = all.at(key);
        let mut second = Box::pin(same.get_or_compute(&Patient, async { Ok::<_, &str>(9) }));
        assert!((&mut second).now_or_never().is_none(), "the first is finding it out already");
        end.send(7).unwrap();
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn a_dropped_computation_leaves_it_to_the_next() {
        let (all, key) = (SingleFlight::<u8>::default(), Keys::default().of("x"));
        let flight = all.at(key);
        let never = std::future::pending::<Result<u8, ()>>();
        assert!(flight.get_or_compute(&Patient, never).now_or_never().is_none());
        assert_eq!(flight.get_or_compute(&Patient, async { Ok::<_, ()>(1) }).await, Ok(1));
        assert!(all.lock().in_flight.is_empty(), "nothing is left of it");
    }
}
