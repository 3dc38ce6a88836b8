//! Numbers with their nouns, for messages.

/// Returns a number with its noun, such as `1 entry` and `2 entries`.
pub fn counted(number: usize, one: &str, more: &str) -> String {
    let noun = if number == 1 { one } else { more };
    format!("{number} {noun}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_is_singular() {
        for (number, expected) in [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")] {
            assert_eq!(counted(number, "entry", "entries"), expected);
        }
    }
}
