//! What a run remembers so that it is asked once however many jobs need it.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use super::known::Known;

/// Half of what is remembered at most; what is forgotten costs a request.
const GENERATION: usize = 10_000;

/// Values by key, each made empty when it is first asked for. Of many, those that were asked for last
/// are remembered, and those that somebody uses.
#[derive(Debug)]
pub struct Memo<K, V>(Mutex<Known<Arc<V>, K>>);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self::of_generations(GENERATION)
    }
}

impl<K, V> Memo<K, V> {
    fn of_generations(generation: usize) -> Self {
        // A value in use may be a lock.
        let used = |value: &Arc<V>| Arc::strong_count(value) > 1;
        Self(Mutex::new(Known::of_generations(generation, used)))
    }
}

impl<K: Clone + Eq + Hash, V: Default> Memo<K, V> {
    /// The value of `key`, shared with whoever asks for it too.
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
        assert!(memo.0.lock().unwrap().iter().count() <= 5);
    }
}
