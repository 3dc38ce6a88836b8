//! Caches in bounded memory, which forget the least recently used entries.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// The key of a [`BoundedMap`] entry: 96 bits of two hashes with random keys.
///
/// A collision is less likely than a disk failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u32; 3]);

/// Makes keys. Clones make the same keys.
#[derive(Clone, Debug, Default)]
pub struct Keys([RandomState; 2]);

impl Keys {
    /// The key of `place`.
    pub fn of(&self, place: impl Hash) -> Key {
        let [one, other] = self.0.each_ref().map(|keys| keys.hash_one(&place));
        #[expect(clippy::cast_possible_truncation, reason = "the parts of a hash are hashes")]
        Key([one as u32, (one >> 32) as u32, other as u32])
    }
}

/// Entries per generation: half of the most that is kept. A forgotten entry costs a lookup.
const GENERATION: usize = 50_000;

/// A map of bounded size, which keeps recently used entries.
///
/// It has two generations. When the young one is full, it becomes the old one, and the previous old
/// one is dropped. Entries that are used move to the young one.
#[derive(Debug)]
pub struct BoundedMap<V, K = Key> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
    /// Whether to keep a value even if it is not used.
    stays: fn(&V) -> bool,
}

impl<V> Default for BoundedMap<V> {
    fn default() -> Self {
        Self::of_generations(GENERATION, |_| false)
    }
}

impl<V, K> BoundedMap<V, K> {
    /// Makes a map for at most twice `generation` entries, plus those for which `stays` holds.
    pub fn of_generations(generation: usize, stays: fn(&V) -> bool) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation, stays }
    }
}

impl<V: Clone, K: Clone + Eq + Hash> BoundedMap<V, K> {
    /// Returns the value of `key`, and marks it as used.
    pub fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            let forgotten = mem::replace(&mut self.old, mem::take(&mut self.young));
            self.young.extend(forgotten.into_iter().filter(|(_, value)| (self.stays)(value)));
        }
        self.young.insert(key, value);
    }

    /// Removes `key`.
    pub fn forget(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Iterates over all entries.
    pub fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.old.iter().chain(&self.young).map(|(key, value)| (key.clone(), value.clone()))
    }
}

/// Entries per generation of [`BoundedCells`]. A forgotten entry costs a request.
const CELLS: usize = 10_000;

/// Shared values by key, created empty on first use, for single-flight lookups.
///
/// Recently used values are kept, and values in use are never dropped.
#[derive(Debug)]
pub struct BoundedCells<K, V>(Mutex<BoundedMap<Arc<V>, K>>);

impl<K, V> Default for BoundedCells<K, V> {
    fn default() -> Self {
        Self::of_generations(CELLS)
    }
}

impl<K, V> BoundedCells<K, V> {
    fn of_generations(generation: usize) -> Self {
        // A value in use may be a lock, so it must not be replaced.
        let used = |value: &Arc<V>| Arc::strong_count(value) > 1;
        Self(Mutex::new(BoundedMap::of_generations(generation, used)))
    }
}

impl<K: Clone + Eq + Hash, V: Default> BoundedCells<K, V> {
    /// Returns the value of `key`, which all callers share.
    pub fn of(&self, key: K) -> Arc<V> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(&key) {
            return value;
        }
        let value = Arc::default();
        values.insert(key, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{BoundedCells, BoundedMap, Keys};

    #[test]
    fn what_is_asked_for_is_kept() {
        let keys = Keys::default();
        let mut known = BoundedMap::of_generations(2, |_| false);
        for number in 0..4 {
            known.insert(keys.of(number), number);
            assert_eq!(known.get(&keys.of(0)), Some(0));
        }
        assert_eq!(known.get(&keys.of(1)), None, "it was asked for least");
        assert_eq!(known.get(&keys.of(3)), Some(3));
        assert!(known.iter().count() <= 4);
        known.forget(&keys.of(3));
        assert_eq!(known.get(&keys.of(3)), None);
    }

    #[test]
    fn a_newer_value_stands() {
        let keys = Keys::default();
        let mut known = BoundedMap::of_generations(1, |_| false);
        known.insert(keys.of("x"), 1);
        known.insert(keys.of("y"), 1);
        known.insert(keys.of("x"), 2);
        assert_eq!(known.get(&keys.of("x")), Some(2));
        known.forget(&keys.of("x"));
        assert_eq!(known.get(&keys.of("x")), None, "the older one is gone too");
    }

    #[test]
    fn a_value_is_shared_and_kept_while_it_is_used_or_asked_for() {
        let cells: BoundedCells<u8, Mutex<u8>> = BoundedCells::of_generations(2);
        let used = cells.of(1);
        for other in 2..20 {
            *cells.of(other).lock().unwrap() = other;
            *cells.of(0).lock().unwrap() += 1;
        }
        assert_eq!(*cells.of(0).lock().unwrap(), 18, "it was asked for all the time");
        assert_eq!(*cells.of(2).lock().unwrap(), 0, "it was asked for least");
        assert!(Arc::ptr_eq(&used, &cells.of(1)), "it is in use");
        assert!(cells.0.lock().unwrap().iter().count() <= 5);
    }
}
