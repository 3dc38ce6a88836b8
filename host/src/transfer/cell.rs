//! Values that one of many jobs finds out for all.
//!
//! Each cell is filled once however many jobs wait for it; whoever waits holds no permit and no seat.
//! A failure leaves a cell empty, and the next one who waits tries again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::seat::Seat;

#[derive(Debug)]
enum State<V> {
    Empty,
    Filling,
    Full(V),
}

/// A value that one of many finds out.
#[derive(Debug)]
pub(super) struct Cell<V> {
    state: Mutex<State<V>>,
    changed: Notify,
}

impl<V> Default for Cell<V> {
    fn default() -> Self {
        Self { state: Mutex::new(State::Empty), changed: Notify::new() }
    }
}

impl<V: Clone> Cell<V> {
    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, where it is known.
    pub(super) fn get(&self) -> Option<V> {
        match &*self.lock() {
            State::Full(value) => Some(value.clone()),
            State::Empty | State::Filling => None,
        }
    }

    /// Makes the value known, unless somebody is finding it out.
    pub(super) fn set(&self, value: V) {
        let mut state = self.lock();
        if !matches!(&*state, State::Filling) {
            *state = State::Full(value);
        }
    }

    /// The value; `fill` finds it out unless somebody else does, who is waited for.
    pub(super) async fn get_or_fill<E>(
        &self,
        seat: &Seat,
        fill: impl Future<Output = Result<V, E>>,
    ) -> Result<V, E> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            match &mut *self.lock() {
                State::Full(value) => return Ok(value.clone()),
                state @ State::Empty => {
                    *state = State::Filling;
                    break;
                }
                // From here on no change is missed.
                State::Filling => changed.as_mut().enable(),
            };
            seat.waits_for(changed).await;
        }
        let filling = Filling(self);
        let value = fill.await?;
        *self.lock() = State::Full(value.clone());
        drop(filling);
        Ok(value)
    }
}

/// Whoever fills a cell; if he gives up, another may.
struct Filling<'a, V: Clone>(&'a Cell<V>);

impl<V: Clone> Drop for Filling<'_, V> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if matches!(&*state, State::Filling) {
            *state = State::Empty;
        }
        drop(state);
        self.0.changed.notify_waiters();
    }
}

/// So many cells are kept of each kind; what is forgotten costs a look.
const KEPT: usize = 100_000;

/// Cells by key.
#[derive(Debug)]
pub(super) struct Cells<K, V>(Mutex<HashMap<K, Arc<Cell<V>>>>);

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

impl<K: Eq + Hash, V> Cells<K, V> {
    /// The cell of `key`.
    pub(super) fn cell(&self, key: K) -> Arc<Cell<V>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= KEPT && !cells.contains_key(&key) {
            cells.retain(|_, cell| Arc::strong_count(cell) > 1);
        }
        Arc::clone(cells.entry(key).or_default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Cells<K, V> {
    /// What is known of `key` is wrong. What somebody is finding out stays.
    pub(super) fn forget(&self, key: &K) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.get(key).is_some_and(|cell| cell.get().is_some()) {
            cells.remove(key);
        }
    }

    /// Takes in what is known in `other`, which is newer.
    pub(super) fn adopt(&self, other: &Self) {
        let newer = other.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, cell) in &*newer {
            if let Some(value) = cell.get() {
                self.cell(key.clone()).set(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::Cell;
    use crate::transfer::seat::Seats;

    #[tokio::test]
    async fn a_cell_is_filled_once_and_a_failure_leaves_it_empty() {
        let seat = Seats::new(1).seat().await;
        let cell = Cell::default();
        let failed: Result<u8, &str> = cell.get_or_fill(&seat, async { Err("no") }).await;
        assert_eq!((failed, cell.get()), (Err("no"), None));
        let (end, ended) = tokio::sync::oneshot::channel::<u8>();
        let mut first =
            Box::pin(cell.get_or_fill(&seat, async { ended.await.map_err(|_| "gone") }));
        assert!((&mut first).now_or_never().is_none());
        let second_seat = Seats::new(1).seat().await;
        let mut second = Box::pin(cell.get_or_fill(&second_seat, async { Ok::<_, &str>(9) }));
        assert!((&mut second).now_or_never().is_none(), "somebody finds it out already");
        end.send(7).unwrap();
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_it_to_the_next() {
        let seat = Seats::new(1).seat().await;
        let cell = Cell::<u8>::default();
        let gone = cell.get_or_fill(&seat, std::future::pending::<Result<u8, ()>>()).now_or_never();
        assert!(gone.is_none());
        assert_eq!(cell.get_or_fill(&seat, async { Ok::<_, ()>(1) }).await, Ok(1));
    }
}
