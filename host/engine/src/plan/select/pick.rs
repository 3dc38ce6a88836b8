//! Compiled filters.

use std::cmp::Reverse;

use regex::{Regex, RegexBuilder};
use semver::Version;

use crate::list::Filter;
use longshore_oci::{RangeError, VersionRange, version_of_tag};

/// The size limit of a compiled expression, in bytes; real ones are far smaller.
const PATTERN_SIZE: usize = 1024 * 1024;

/// Why a filter cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// An expression is invalid or too large.
    #[error("the expression `{pattern}` cannot be used: {why}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// The last line of the parser's message.
        why: String,
    },
    /// The version range is invalid.
    #[error("the range `{range}` cannot be used: {error}")]
    Range {
        /// The range.
        range: String,
        /// The parse error.
        #[source]
        error: RangeError,
    },
}

/// A selected name, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) name: String,
    pub(super) why: String,
}

/// A compiled filter.
#[derive(Debug)]
pub(super) struct Picker {
    allow: Vec<Regex>,
    deny: Vec<Regex>,
    versions: Option<(String, VersionRange)>,
    latest: Option<usize>,
}

impl Picker {
    /// A filter that selects everything.
    pub(super) const fn all() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), versions: None, latest: None }
    }

    /// Compiles `filter`.
    pub(super) fn new(filter: &Filter) -> Result<Self, FilterError> {
        let versions = filter.versions.as_ref().map(|range| {
            let parsed = VersionRange::parse(range)
                .map_err(|error| FilterError::Range { range: range.clone(), error })?;
            Ok((range.clone(), parsed))
        });
        Ok(Self {
            allow: filter.allow.iter().map(|text| pattern(text)).collect::<Result<_, _>>()?,
            deny: filter.deny.iter().map(|text| pattern(text)).collect::<Result<_, _>>()?,
            versions: versions.transpose()?,
            latest: filter.latest.map(|latest| latest as usize),
        })
    }

    /// The reason why the repository `name` is selected; `None` if it is not. Version conditions
    /// are ignored.
    pub(super) fn matches(&self, name: &str) -> Option<String> {
        let why = self.matching(name)?;
        Some(if why.is_empty() { "every repository is".to_owned() } else { why.join(", ") })
    }

    /// Selects from `names`, and keeps their order. Ends after `most` names, unless only the latest are
    /// selected.
    pub(super) fn pick(&self, names: &[&str], most: usize) -> Vec<Pick> {
        let most = if self.latest.is_some() { usize::MAX } else { most };
        let mut picked: Vec<(Pick, Option<Version>)> = names
            .iter()
            .filter_map(|name| {
                let mut why = self.matching(name)?;
                let version = match (&self.versions, self.latest) {
                    (None, None) => None,
                    _ => Some(version_of_tag(name)?),
                };
                if let (Some((text, range)), Some(version)) = (&self.versions, &version) {
                    if !range.holds(version) {
                        return None;
                    }
                    why.push(format!("{version} is in `{}`", shortened(text)));
                }
                let why = if why.is_empty() { "every tag is".to_owned() } else { why.join(", ") };
                Some((Pick { name: (*name).to_owned(), why }, version))
            })
            .take(most)
            .collect();
        if let Some(latest) = self.latest {
            keep_latest(&mut picked, latest);
        }
        picked.into_iter().map(|(pick, _)| pick).collect()
    }

    /// The patterns that allow `name`; `None` if it is not allowed.
    fn matching(&self, name: &str) -> Option<Vec<String>> {
        let mut why = Vec::new();
        if !self.allow.is_empty() {
            let allow = self.allow.iter().find(|pattern| pattern.is_match(name))?;
            why.push(format!("matches `{}`", shortened(allow.as_str())));
        }
        if self.deny.iter().any(|pattern| pattern.is_match(name)) {
            return None;
        }
        if self.allow.is_empty() && !self.deny.is_empty() {
            why.push("is not denied".to_owned());
        }
        Some(why)
    }
}

/// The start of a pattern, for the reasons of very many names.
fn shortened(pattern: &str) -> &str {
    &pattern[..pattern.floor_char_boundary(100)]
}

/// Keeps the `count` highest versions, in their original order.
fn keep_latest(picked: &mut Vec<(Pick, Option<Version>)>, count: usize) {
    let mut order: Vec<usize> = (0..picked.len()).collect();
    // Equal versions, such as `1.0` and `v1.0.0`, are sorted by name, so that the result is stable.
    order.sort_by_key(|&at| (Reverse(picked[at].1.clone()), picked[at].0.name.clone()));
    let mut rank = vec![0; picked.len()];
    for (place, at) in order.into_iter().enumerate() {
        rank[at] = place + 1;
    }
    let mut ranks = rank.into_iter();
    picked.retain_mut(|(pick, _)| {
        let rank = ranks.next().unwrap_or(usize::MAX);
        let why = format!("number {rank} of the latest {count}");
        pick.why = if pick.why == "every tag is" { why } else { format!("{}, {why}", pick.why) };
        rank <= count
    });
}

impl FilterError {
    /// Advice for the user.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Pattern { .. } => "use RE2 syntax, without look-around and backreferences",
            Self::Range { .. } => "write a range such as \">=1.2 <2 || ^3\"",
        }
    }
}

/// Checks the expressions and the range of a filter.
///
/// # Errors
/// Says which of them cannot be used, and why.
pub fn check_filter(filter: &Filter) -> Result<(), FilterError> {
    Picker::new(filter).map(drop)
}

/// Checks a regular expression that selects tags.
///
/// # Errors
/// Says why it cannot be used.
pub fn check_pattern(text: &str) -> Result<(), String> {
    match pattern(text) {
        Ok(_) => Ok(()),
        Err(FilterError::Pattern { why, .. }) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

fn pattern(text: &str) -> Result<Regex, FilterError> {
    RegexBuilder::new(text).size_limit(PATTERN_SIZE).build().map_err(|error| {
        let shown = error.to_string();
        let why = shown.lines().last().unwrap_or_default().trim();
        let why = why.strip_prefix("error: ").unwrap_or(why).to_owned();
        FilterError::Pattern { pattern: text.to_owned(), why }
    })
}

#[cfg(test)]
mod tests {
    use super::{FilterError, Picker};
    use crate::list::Filter;

    fn filter(
        allow: &[&str],
        deny: &[&str],
        versions: Option<&str>,
        latest: Option<u32>,
    ) -> Filter {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Filter {
            allow: owned(allow),
            deny: owned(deny),
            versions: versions.map(str::to_owned),
            latest,
        }
    }

    /// `TAG: WHY` for each selected tag.
    fn picked(filter: &Filter, tags: &[&str]) -> Vec<String> {
        let picks = Picker::new(filter).unwrap().pick(tags, usize::MAX);
        picks.into_iter().map(|pick| format!("{}: {}", pick.name, pick.why)).collect()
    }

    const TAGS: [&str; 8] =
        ["1.0", "1.1.0", "1.2.0-rc.1", "10.0.0", "2.0.0", "edge", "latest", "v1.1.0"];

    #[test]
    fn each_part_narrows_what_the_others_leave() {
        assert_eq!(
            picked(&filter(&[], &[], None, None), &["b", "a"]),
            ["b: every tag is", "a: every tag is"]
        );
        assert_eq!(
            picked(&filter(&["^1", "edge"], &["rc"], None, None), &TAGS),
            [
                "1.0: matches `^1`",
                "1.1.0: matches `^1`",
                "10.0.0: matches `^1`",
                "edge: matches `edge`",
            ]
        );
        assert_eq!(
            picked(&filter(&[], &["^v", "est$", "edge"], Some(">=1.1 <10"), None), &TAGS),
            [
                "1.1.0: is not denied, 1.1.0 is in `>=1.1 <10`",
                "2.0.0: is not denied, 2.0.0 is in `>=1.1 <10`"
            ]
        );
        assert_eq!(
            picked(&filter(&[], &[], None, Some(3)), &TAGS),
            [
                "1.2.0-rc.1: number 3 of the latest 3",
                "10.0.0: number 1 of the latest 3",
                "2.0.0: number 2 of the latest 3",
            ]
        );
        assert_eq!(
            picked(&filter(&["^v?1"], &[], Some("1"), Some(1)), &TAGS),
            ["1.1.0: matches `^v?1`, 1.1.0 is in `1`, number 1 of the latest 1"]
        );
        assert_eq!(picked(&filter(&[], &[], None, Some(0)), &TAGS), [""; 0]);
        assert_eq!(picked(&filter(&["^none$"], &[], None, None), &TAGS), [""; 0]);
    }

    #[test]
    fn expressions_are_not_anchored_and_take_linear_time() {
        assert_eq!(picked(&filter(&["(a+)+$"], &[], None, None), &[&"a".repeat(128)]).len(), 1);
        assert_eq!(picked(&filter(&[r"\d"], &[], None, None), &["x1y"]).len(), 1);
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let error = |filter: &Filter| Picker::new(filter).unwrap_err();
        let found = error(&filter(&["a("], &[], None, None));
        assert_eq!(found.to_string(), "the expression `a(` cannot be used: unclosed group");
        let found = error(&filter(&[], &[r"(a)\1"], None, None));
        assert!(found.to_string().contains("backreferences are not supported"), "{found}");
        let found = error(&filter(&["(a{1000}){1000}"], &[], None, None));
        assert!(matches!(found, FilterError::Pattern { .. }), "{found}");
        let found = error(&filter(&[], &[], Some(">=latest"), None));
        assert_eq!(
            found.to_string(),
            "the range `>=latest` cannot be used: `>=latest` is not a version condition"
        );
    }
}
