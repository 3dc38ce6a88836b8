//! Finds entries by their numbers.

/// Returns the position of the item with `number`. The numbers of `items` grow.
///
/// Most lists leave out few numbers, so the first look usually finds the item.
pub fn position<T>(items: &[T], number: u32, of: impl Fn(&T) -> u32) -> Option<usize> {
    let distance = number.checked_sub(of(items.first()?))?;
    // Each number is larger than the one before, so the item is not behind this position.
    let last = usize::try_from(distance).unwrap_or(usize::MAX).min(items.len() - 1);
    if of(&items[last]) == number {
        return Some(last);
    }
    items[..last].binary_search_by_key(&number, of).ok()
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn items_are_found_with_and_without_gaps() {
        let lists: [&[u32]; 6] =
            [&[], &[0], &[1, 2, 3, 4], &[5, 6, 9, 10, 40], &[7], &[2, 4, 8, u32::MAX]];
        for list in lists {
            for number in (0..50).chain([u32::MAX - 1, u32::MAX]) {
                let expected = list.iter().position(|found| *found == number);
                assert_eq!(
                    position(list, number, |found| *found),
                    expected,
                    "{number} of {list:?}"
                );
            }
        }
    }
}
