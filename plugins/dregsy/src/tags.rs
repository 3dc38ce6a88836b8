//! The items of `tags`: plain tags, `semver:`, `regex:` and `keep:`.
//!
//! A tag is copied if one of the first three selects it and every `keep:` accepts it. The filter of
//! the plugin interface combines its fields with "and" and its patterns with "or". It cannot
//! require two positive patterns for one tag.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Filter, Parsed, Selection};

/// A regular expression, and whether it excludes tags.
struct Pattern {
    place: Place,
    text: String,
    inverted: bool,
}

impl Pattern {
    fn of(place: Place, text: &str) -> Self {
        let text = text.trim();
        match text.strip_prefix('!') {
            Some(text) => Self { place, text: anchored(text), inverted: true },
            None => Self { place, text: anchored(text), inverted: false },
        }
    }
}

/// Anchors an expression as dregsy does.
pub(crate) fn anchored(pattern: &str) -> String {
    let start = if pattern.starts_with('^') { "" } else { "^" };
    let end = if pattern.ends_with('$') { "" } else { "$" };
    format!("{start}{pattern}{end}")
}

/// Returns the selections for the items.
pub(crate) fn selections(items: &[(Place, &str)], parsed: &mut Parsed) -> Vec<Selection> {
    let (mut verbatim, mut ranges, mut patterns, mut keep) = (vec![], vec![], vec![], vec![]);
    for &(place, item) in items {
        if let Some(range) = item.strip_prefix("semver:") {
            ranges.push((place, range.trim()));
        } else if let Some(pattern) = item.strip_prefix("regex:") {
            patterns.push(Pattern::of(place, pattern));
        } else if let Some(pattern) = item.strip_prefix("keep:") {
            keep.push(Pattern::of(place, pattern));
        } else {
            verbatim.push((place, item));
        }
    }
    if let Some((place, _)) = ranges.first() {
        let message = "`semver:` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one; dregsy compares them too";
        parsed.warn(*place, message);
    }
    let mut filters = Vec::new();
    if !ranges.is_empty() {
        let ranges: Vec<&str> = ranges.iter().map(|(_, range)| *range).collect();
        filters.push(Filter { versions: Some(ranges.join(" || ")), ..Filter::default() });
    }
    filters.extend(patterns.into_iter().map(|pattern| match pattern.inverted {
        true => Filter { deny: vec![pattern.text], ..Filter::default() },
        false => Filter { allow: vec![pattern.text], ..Filter::default() },
    }));
    if keep.is_empty() {
        let tags = verbatim.into_iter().map(|(_, tag)| Selection::Tag(tag.to_owned()));
        return tags.chain(filters.into_iter().map(Selection::Matching)).collect();
    }
    if filters.is_empty() && verbatim.is_empty() {
        filters.push(Filter::default());
    }
    for (place, tag) in verbatim {
        parsed.error(
            place,
            format!("{tag:?} beside `keep:` cannot be expressed, put it into a mapping of its own"),
        );
    }
    filters.into_iter().filter_map(|filter| kept(filter, &keep, parsed)).collect()
}

/// Returns the filter with every `keep:` added.
fn kept(mut filter: Filter, keep: &[Pattern], parsed: &mut Parsed) -> Option<Selection> {
    for pattern in keep {
        if pattern.inverted {
            filter.deny.push(pattern.text.clone());
        } else if filter.allow.is_empty() {
            filter.allow.push(pattern.text.clone());
        } else {
            let message =
                "a second expression that a tag must match cannot be expressed, write both as one";
            parsed.error(pattern.place, message);
            return None;
        }
    }
    Some(Selection::Matching(filter))
}
