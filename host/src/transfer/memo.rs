//! What a run remembers so that it is asked once however many jobs need it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// So many values are remembered; what is forgotten costs a request.
const LIMIT: usize = 10_000;

/// Values by key, each made empty when it is first asked for.
#[derive(Debug)]
pub struct Memo<K, V> {
    values: Mutex<HashMap<K, Arc<V>>>,
    limit: usize,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Self { values: Mutex::default(), limit: LIMIT }
    }
}

impl<K: Eq + Hash, V: Default> Memo<K, V> {
    /// The value of `key`, shared with whoever asks for it too. Where there are too many, those that
    /// nobody uses at the moment are forgotten.
    pub fn of(&self, key: K) -> Arc<V> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if values.len() >= self.limit && !values.contains_key(&key) {
            values.retain(|_, value| Arc::strong_count(value) > 1);
        }
        Arc::clone(values.entry(key).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::Memo;

    #[test]
    fn a_value_is_shared_and_kept_while_it_is_used() {
        let memo: Memo<u8, Mutex<u8>> = Memo { limit: 2, ..Memo::default() };
        let one = memo.of(1);
        *one.lock().unwrap() = 7;
        *memo.of(2).lock().unwrap() = 8;
        assert_eq!(*memo.of(2).lock().unwrap(), 8, "there was room");
        let _three = memo.of(3);
        assert!(Arc::ptr_eq(&one, &memo.of(1)));
        assert_eq!(*memo.of(2).lock().unwrap(), 0, "nobody used it");
    }
}
