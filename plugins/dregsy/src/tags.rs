//! The items of `tags`: plain tags, digests, `semver:`, `regex:` and `keep:`.
//!
//! dregsy selects a tag if one of the first four names it and every `keep:` expression matches it.
//! `keep: latest N` then leaves the N highest versions and every tag that is not a version. The
//! filter of the plugin interface combines its fields with "and" and its patterns with "or". It
//! cannot require two positive patterns for one tag.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Filter, Parsed, Selection};
use longshore_plugin_sdk::reference::has_digest_algorithm;

/// Matches the tags that the host reads as versions.
const VERSION: &str = r"^[vV]?[0-9]+(\.[0-9]+){0,2}(-[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*)?$";

/// A selection of a mapping.
pub(crate) struct Part {
    pub(crate) selection: Selection,
    /// The number of its pattern in the mapping, if the pattern takes several selections to write.
    pub(crate) pattern: Option<usize>,
}

impl From<Selection> for Part {
    fn from(selection: Selection) -> Self {
        Self { selection, pattern: None }
    }
}

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

/// The items by their kind.
#[derive(Default)]
struct Items<'a> {
    verbatim: Vec<(Place, &'a str)>,
    ranges: Vec<(Place, &'a str)>,
    patterns: Vec<Pattern>,
    keep: Vec<Pattern>,
    /// The number of `keep: latest`.
    latest: Option<(Place, u32)>,
}

impl<'a> Items<'a> {
    /// Sorts the items. Returns `None` if a `keep: latest` cannot be read, which would narrow the
    /// selection.
    fn of(items: &[(Place, &'a str)], parsed: &mut Parsed) -> Option<Self> {
        let mut sorted = Self::default();
        for &(place, item) in items {
            let item = item.trim();
            if let Some(range) = item.strip_prefix("semver:") {
                sorted.ranges.push((place, range.trim()));
            } else if let Some(pattern) = item.strip_prefix("regex:") {
                sorted.patterns.push(Pattern::of(place, pattern));
            } else if let Some(pattern) = item.strip_prefix("keep:") {
                match number_of_latest(pattern) {
                    None => sorted.keep.push(Pattern::of(place, pattern)),
                    Some(Ok(number)) => sorted.set_latest(place, number, parsed),
                    Some(Err(word)) => {
                        let message = format!("`keep: latest {word}` must have a number");
                        parsed.error(place, message);
                        return None;
                    }
                }
            } else {
                sorted.verbatim.push((place, item));
            }
        }
        Some(sorted)
    }

    fn set_latest(&mut self, place: Place, number: u32, parsed: &mut Parsed) {
        if self.latest.is_some() {
            parsed.warn(place, "this `keep: latest` replaces the one before, as in dregsy");
        }
        if number == 0 {
            parsed.warn(place, "`keep: latest 0` keeps every tag, as in dregsy");
        }
        self.latest = Some((place, number));
    }

    /// Returns the number of versions to keep; 0 means all, as in dregsy.
    fn limit(&self) -> Option<(Place, u32)> {
        self.latest.filter(|(_, number)| *number > 0)
    }
}

/// Returns the number of `latest N`, or the word in its place. Returns `None` for an expression.
fn number_of_latest(keep: &str) -> Option<Result<u32, &str>> {
    // A tag has no blanks, so this is not an expression that a tag could match.
    let (word, number) = keep.trim().split_once(char::is_whitespace)?;
    let number = number.trim();
    (word == "latest").then(|| number.parse().map_err(|_| number))
}

/// Returns the selections for the items.
pub(crate) fn selections(items: &[(Place, &str)], parsed: &mut Parsed) -> Vec<Part> {
    let Some(items) = Items::of(items, parsed) else { return Vec::new() };
    if let Some((place, _)) = items.ranges.first() {
        let message = "`semver:` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one; dregsy compares them too";
        parsed.warn(*place, message);
    }
    let mut filters = filters(&items);
    if filters.is_empty() && items.verbatim.is_empty() {
        filters.push(Filter::default());
    }
    warn_of_differences(&items, &filters, parsed);
    let filters: Vec<Filter> =
        filters.into_iter().filter_map(|filter| kept(filter, &items.keep, parsed)).collect();
    let named = named(&items.verbatim, parsed);
    let mut selections: Vec<Part> = named.into_iter().map(Part::from).collect();
    for (pattern, filter) in (1..).zip(filters) {
        match items.limit() {
            None => selections.push(Selection::Matching(filter).into()),
            Some((_, number)) => selections.extend(limited(filter, number, pattern)),
        }
    }
    selections
}

/// Returns a filter for each alternative: the ranges, the expressions, and each inverted expression.
fn filters(items: &Items<'_>) -> Vec<Filter> {
    let mut filters = Vec::new();
    if !items.ranges.is_empty() {
        let ranges: Vec<&str> = items.ranges.iter().map(|(_, range)| *range).collect();
        filters.push(Filter { versions: Some(ranges.join(" || ")), ..Filter::default() });
    }
    let (inverted, plain): (Vec<&Pattern>, Vec<_>) =
        items.patterns.iter().partition(|pattern| pattern.inverted);
    // Alternatives that are limited together must be one filter.
    if items.limit().is_some() && !plain.is_empty() && items.keep.iter().all(|keep| keep.inverted) {
        let allow = plain.into_iter().map(|pattern| pattern.text.clone()).collect();
        filters.push(Filter { allow, ..Filter::default() });
    } else {
        filters.extend(
            plain
                .into_iter()
                .map(|pattern| Filter { allow: vec![pattern.text.clone()], ..Filter::default() }),
        );
    }
    filters.extend(
        inverted
            .into_iter()
            .map(|pattern| Filter { deny: vec![pattern.text.clone()], ..Filter::default() }),
    );
    filters
}

/// Names what dregsy would select otherwise.
fn warn_of_differences(items: &Items<'_>, filters: &[Filter], parsed: &mut Parsed) {
    for &(place, tag) in &items.verbatim {
        let counts = items.limit().is_some() && may_be_version(tag);
        if counts || !items.keep.is_empty() {
            parsed.warn(place, format!("{tag:?} is named, so it is copied whatever `keep:` says"));
        }
    }
    let Some((place, number)) = items.limit() else { return };
    if filters.len() > 1 {
        let message = format!(
            "`keep: latest {number}` counts for each of the {} patterns, dregsy counts them together",
            filters.len()
        );
        parsed.warn(place, message);
    }
}

fn may_be_version(tag: &str) -> bool {
    tag.trim_start_matches(['v', 'V']).starts_with(|first: char| first.is_ascii_digit())
}

/// Returns the selections of tags and digests by name.
fn named(verbatim: &[(Place, &str)], parsed: &mut Parsed) -> Vec<Selection> {
    let mut selections = Vec::new();
    for &(place, text) in verbatim {
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) => (Some(tag.to_owned()), digest),
            None => (None, text),
        };
        if !has_digest_algorithm(digest) {
            selections.push(Selection::ByTag(text.to_owned()));
            continue;
        }
        if tag.is_none() {
            parsed.warn(place, "the destination gets no tag, as only a digest is given");
        }
        selections.push(Selection::pinned(digest, tag));
    }
    selections
}

/// Returns the filter with every `keep:` expression added.
fn kept(mut filter: Filter, keep: &[Pattern], parsed: &mut Parsed) -> Option<Filter> {
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
    Some(filter)
}

/// Returns the filter with its `number` highest versions. A filter without a range also selects
/// tags that are not versions, and dregsy keeps all of these. `pattern` numbers the filters of a mapping.
fn limited(filter: Filter, number: u32, pattern: usize) -> Vec<Part> {
    let newest = Filter { latest: Some(number), ..filter.clone() };
    if filter.versions.is_some() {
        return vec![Selection::Matching(newest).into()];
    }
    let mut others = filter;
    others.deny.push(VERSION.to_owned());
    let part = |filter| Part { selection: Selection::Matching(filter), pattern: Some(pattern) };
    vec![part(newest), part(others)]
}
