//! Picks the largest of many.

/// Returns the positions of the `most` largest values above zero, the largest first. Of equal values, the
/// first one wins.
pub(super) fn largest(values: impl Iterator<Item = u64>, most: usize) -> Vec<usize> {
    let mut kept: Vec<(u64, usize)> = Vec::with_capacity(most + 1);
    for (at, value) in values.enumerate() {
        let is_full = kept.len() == most;
        if value == 0 || (is_full && kept.last().is_some_and(|&(least, _)| value <= least)) {
            continue;
        }
        let place = kept.partition_point(|&(other, _)| other >= value);
        kept.insert(place, (value, at));
        kept.truncate(most);
    }
    kept.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::largest;

    #[test]
    fn the_largest_come_first() {
        let pick = |values: &[u64], most| largest(values.iter().copied(), most);
        assert_eq!(pick(&[3, 9, 0, 7, 9, 1], 3), [1, 4, 3]);
        assert_eq!(pick(&[3, 0], 3), [0]);
        assert_eq!(pick(&[0, 0], 3), [] as [usize; 0]);
        assert_eq!(pick(&[1, 2, 3], 0), [] as [usize; 0]);
        let many: Vec<u64> = (0..10_000).map(|number| number * 7919 % 10_007).collect();
        let mut sorted: Vec<usize> = (0..many.len()).collect();
        sorted.sort_by_key(|&at| std::cmp::Reverse(many[at]));
        assert_eq!(pick(&many, 10), sorted[..10]);
    }
}
