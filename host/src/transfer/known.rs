//! What a run knows, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::mem;

/// What something is known by: 96 bits of two hashes under keys that nobody else knows. That one thing
/// is taken for another is less likely than a broken disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u32; 3]);

/// Makes keys. Clones make the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys([RandomState; 2]);

impl Keys {
    /// The key of `place`.
    pub(super) fn of(&self, place: impl Hash) -> Key {
        let [one, other] = self.0.each_ref().map(|keys| keys.hash_one(&place));
        #[expect(clippy::cast_possible_truncation, reason = "the parts of a hash are hashes")]
        Key([one as u32, (one >> 32) as u32, other as u32])
    }
}

/// Half of what is known at most; what is forgotten costs a look.
const GENERATION: usize = 50_000;

/// Values by key. Of many, those that were asked for last are kept: a generation that is full becomes
/// the old one, which is forgotten but for what is asked for until the next is full too.
#[derive(Debug)]
pub(super) struct Known<V, K = Key> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
    /// Is this kept however long nobody asks for it?
    stays: fn(&V) -> bool,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self::of_generations(GENERATION, |_| false)
    }
}

impl<V, K> Known<V, K> {
    /// At most twice so many are known, and those that stay.
    pub(super) fn of_generations(generation: usize, stays: fn(&V) -> bool) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation, stays }
    }
}

impl<V: Clone, K: Clone + Eq + Hash> Known<V, K> {
    /// The value of `key`.
    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = self.old.remove_entry(key)?;
        self.insert(key, value.clone());
        Some(value)
    }

    /// `key` has this value from now on.
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            let forgotten = mem::replace(&mut self.old, mem::take(&mut self.young));
            self.young.extend(forgotten.into_iter().filter(|(_, value)| (self.stays)(value)));
        }
        self.young.insert(key, value);
    }

    /// Nothing is known of `key`.
    pub(super) fn forget(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Everything.
    pub(super) fn iter(&self) -> impl Iterator<Item = (K, V)> {
        self.old.iter().chain(&self.young).map(|(key, value)| (key.clone(), value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, Known};

    #[test]
    fn what_is_asked_for_is_kept() {
        let keys = Keys::default();
        let mut known = Known::of_generations(2, |_| false);
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
        let mut known = Known::of_generations(1, |_| false);
        known.insert(keys.of("x"), 1);
        known.insert(keys.of("y"), 1);
        known.insert(keys.of("x"), 2);
        assert_eq!(known.get(&keys.of("x")), Some(2));
        known.forget(&keys.of("x"));
        assert_eq!(known.get(&keys.of("x")), None, "the older one is gone too");
    }
}
