//! Entries that select jointly: a selection of another tool that takes several entries to write.

use std::collections::HashSet;

use super::by_pattern::{Unselected, is_pattern};
use crate::job::Status;
use crate::list::{Attribute, Entry, Selection};

/// The attribute of entries that select jointly. Its value tells the selections of one repository apart.
const JOINT_SELECTION: &str = "joint-selection";

/// Takes the entries that selected nothing out of `entries` and `unselected`, if another entry of the same joint
/// selection selected something, or says already that nothing is selected. The selected tags lose the attribute,
/// as each of them stands alone.
pub(super) fn join(entries: &mut Vec<Entry>, unselected: &mut Vec<Unselected>) {
    let joint = entries.iter().filter(|entry| entry.attributes.iter().any(is_sign));
    let mut answered: HashSet<Entry> =
        joint.filter(|entry| !is_pattern(entry)).map(selection_of).collect();
    let mut superfluous = HashSet::new();
    unselected.retain(|known| {
        let is_joint = known.entry.attributes.iter().any(is_sign);
        if !is_joint || known.outcome.status != Status::Skipped {
            return true;
        }
        let is_first = answered.insert(selection_of(&known.entry));
        if !is_first {
            superfluous.insert(known.entry.clone());
        }
        is_first
    });
    entries.retain(|entry| !superfluous.contains(entry));
    for entry in entries.iter_mut().filter(|entry| !is_pattern(entry)) {
        entry.attributes.retain(|attribute| !is_sign(attribute));
    }
}

fn is_sign(attribute: &Attribute) -> bool {
    attribute.key == JOINT_SELECTION
}

/// Returns what the entries of one joint selection have in common: all but the selected tags, and the line, as
/// `convert-list` writes one for each.
fn selection_of(entry: &Entry) -> Entry {
    Entry { select: Selection::All, line: 0, ..entry.clone() }
}

#[cfg(test)]
mod tests {
    use super::{JOINT_SELECTION, join};
    use crate::job::Outcome;
    use crate::list::{Attribute, Entry, Filter, Selection};
    use crate::plan::Unselected;

    /// An entry for `source` that selects jointly with those of the same `group`.
    fn entry(source: &str, line: u32, group: Option<&str>, select: Selection) -> Entry {
        let attribute =
            |value: &str| Attribute { key: JOINT_SELECTION.to_owned(), value: value.to_owned() };
        Entry {
            source: source.to_owned(),
            repositories: None,
            select,
            destination: Some("b.io/x".to_owned()),
            destination_tag: None,
            platforms: Vec::new(),
            line,
            attributes: group.map(attribute).into_iter().collect(),
        }
    }

    fn pattern(allow: &str) -> Selection {
        let allow = vec![allow.to_owned()];
        Selection::Matching(Filter { allow, deny: Vec::new(), versions: None, latest: None })
    }

    fn tag(tag: &str) -> Selection {
        Selection::ByTag(tag.to_owned())
    }

    /// Joins `entries`, of which those with a pattern ended with `outcome`. Returns the lines of the remaining
    /// entries, and of those with an outcome.
    fn lines(mut entries: Vec<Entry>, outcome: &Outcome) -> (Vec<u32>, Vec<u32>) {
        let patterns =
            entries.iter().filter(|entry| matches!(entry.select, Selection::Matching(_)));
        let mut unselected: Vec<Unselected> = patterns
            .map(|entry| Unselected { entry: entry.clone(), outcome: outcome.clone() })
            .collect();
        join(&mut entries, &mut unselected);
        let signed = entries.iter().filter(|entry| !entry.attributes.is_empty());
        assert!(signed.into_iter().all(|entry| matches!(entry.select, Selection::Matching(_))));
        let known = unselected.iter().map(|known| known.entry.line);
        (entries.iter().map(|entry| entry.line).collect(), known.collect())
    }

    #[test]
    fn an_empty_part_of_a_joint_selection_is_left_out() {
        let empty = Outcome::skipped("none of 4 tags is selected");
        let of = |line, group, select| entry("a.io/b", line, Some(group), select);
        for (entries, remaining, known) in [
            // Either part may be empty, and it may stand anywhere.
            (vec![of(1, "1", tag("2.0")), of(2, "1", pattern("x"))], vec![1], vec![]),
            (vec![of(1, "1", pattern("x")), of(2, "1", tag("edge"))], vec![2], vec![]),
            // All are empty: the first says so.
            (vec![of(1, "1", pattern("x")), of(2, "1", pattern("y"))], vec![1], vec![1]),
            // Another selection of the same repository, and the same one of another repository.
            (vec![of(1, "1", tag("2.0")), of(2, "2", pattern("x"))], vec![1, 2], vec![2]),
            (
                vec![of(1, "1", tag("2.0")), entry("a.io/c", 2, Some("1"), pattern("x"))],
                vec![1, 2],
                vec![2],
            ),
            // Entries that stand alone.
            (
                vec![
                    entry("a.io/b", 1, None, tag("2.0")),
                    entry("a.io/b", 1, None, pattern("x")),
                    entry("a.io/b", 1, None, pattern("y")),
                ],
                vec![1, 1, 1],
                vec![1, 1],
            ),
        ] {
            assert_eq!(lines(entries.clone(), &empty), (remaining, known), "{entries:?}");
        }
    }

    #[test]
    fn a_failure_is_never_left_out() {
        let failed = Outcome::failed("list the tags of a.io/b: 401 Unauthorized");
        let of = |line, select| entry("a.io/b", line, Some("1"), select);
        let entries = vec![of(1, tag("2.0")), of(2, pattern("x")), of(3, pattern("y"))];
        assert_eq!(lines(entries, &failed), (vec![1, 2, 3], vec![2, 3]));
    }
}
