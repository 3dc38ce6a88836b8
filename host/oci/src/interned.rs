//! Interning: equal values are stored once.

use std::collections::HashMap;
use std::hash::Hash;

/// Distinct values, each with a number that is smaller than a pointer.
#[derive(Clone, Debug)]
pub struct Interned<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
    /// The numbers that were returned last, as neighbours usually have equal values.
    recent: [u32; 2],
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new(), recent: [0; 2] }
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    /// Returns the number of `value`, from 0; stores it if it is new.
    pub fn number_of(&mut self, value: &T) -> u32 {
        let known = self.recent.into_iter().find(|number| self.get(*number) == Some(value));
        if let Some(number) = known {
            return number;
        }
        let number = self.find(value).unwrap_or_else(|| {
            let number = self.len();
            self.values.push(value.clone());
            self.numbers.insert(value.clone(), number);
            number
        });
        self.recent = [number, self.recent[0]];
        number
    }

    /// The number of `value`, if it is stored.
    pub fn find(&self, value: &T) -> Option<u32> {
        self.numbers.get(value).copied()
    }

    /// The value with this number.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// The number of values.
    pub fn len(&self) -> u32 {
        // Memory runs out long before numbers do.
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// Whether there are no values.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::Interned;

    #[test]
    fn a_value_keeps_its_number() {
        let mut interned = Interned::default();
        let numbers: Vec<u32> = ["a", "b", "a", "c", "b", "b", "a"]
            .iter()
            .map(|value| interned.number_of(value))
            .collect();
        assert_eq!(numbers, [0, 1, 0, 2, 1, 1, 0]);
        assert_eq!((interned.get(2), interned.get(3)), (Some(&"c"), None));
        assert_eq!((interned.find(&"b"), interned.find(&"d")), (Some(1), None));
        assert_eq!((interned.len(), interned.is_empty()), (3, false));
    }
}
