//! What a run remembers so that it is asked once however many jobs need it.

use std::collections::HashMap;
use std::hash::Hash;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// Half of what is remembered at most; what is forgotten costs a request.
const GENERATION: usize = 10_000;

/// Values by key, each made empty when it is first asked for. Of many, those that were asked for last
/// are remembered, and those that somebody uses.
#[derive(Debug)]
pub struct Memo<K, V> {
    values: Mutex<Generations<K, V>>,
    generation: usize,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, Arc<V>>,
    old: HashMap<K, Arc<V>>,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self::of_generations(GENERATION)
    }
}

impl<K, V> Memo<K, V> {
    fn of_generations(generation: usize) -> Self {
        let values = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { values: Mutex::new(values), generation }
    }
}

impl<K: Eq + Hash, V: Default> Memo<K, V> {
    /// The value of `key`, shared with whoever asks for it too.
    pub fn of(&self, key: K) -> Arc<V> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *values;
        if let Some(value) = young.get(&key) {
            return Arc::clone(value);
        }
        let value = old.remove(&key).unwrap_or_default();
        if young.len() >= self.generation {
            let mut forgotten = mem::replace(old, mem::take(young));
            // A value in use may be a lock.
            forgotten.retain(|_, value| Arc::strong_count(value) > 1);
            *young = forgotten;
        }
        young.insert(key, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::Memo;

    #[test]
    fn a_value_is_shared_and_kept_while_it_is_used_or_asked_for() {
        let memo: Memo<u8, Mutex<u8>> = Memo::of_generations(2);
        let used = memo.of(1);
        for other in 2..20 {
            *memo.of(other).lock().unwrap() = other;
            *memo.of(0).lock().unwrap() += 1;
        }
        assert_eq!(*memo.of(0).lock().unwrap(), 18, "it was asked for all the time");
        assert_eq!(*memo.of(2).lock().unwrap(), 0, "it was asked for least");
        assert!(Arc::ptr_eq(&used, &memo.of(1)), "it is in use");
        let values = memo.values.lock().unwrap();
        assert!(values.young.len() + values.old.len() <= 5);
    }
}
