//! The comment `# longshore: KEY=VALUE …`, which sets options of the next line that have no column.
//!
//! A value has no blanks; `%20` stands for one. The host writes the same comments into failed lists.

use crate::near::{is_near, nearest, nearly};
use longshore_plugin_sdk::Attribute;
use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::Line;
use longshore_plugin_sdk::list::{Entry, Filter, Selection};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

const PLATFORMS: &str = "platforms";
const DESTINATION_TAG: &str = "destination-tag";
const TAGS: &str = "tags";
const NOT_TAGS: &str = "not-tags";
const VERSIONS: &str = "versions";
const LATEST: &str = "latest";
const REPOSITORIES: &str = "repositories";
const NOT_REPOSITORIES: &str = "not-repositories";
const ATTRIBUTE: &str = "attribute";
const KEYS: [&str; 9] = [
    PLATFORMS,
    DESTINATION_TAG,
    TAGS,
    NOT_TAGS,
    VERSIONS,
    LATEST,
    REPOSITORIES,
    NOT_REPOSITORIES,
    ATTRIBUTE,
];
/// The most errors of a comment to name.
const MOST_WRONG: usize = 3;
/// The value that selects all platforms.
const ALL: &str = "all";
/// The value that selects all repositories. It is no regular expression.
const EVERY: &str = "*";

/// What a value in a comment must not hold as it is. (Characters beyond ASCII are always encoded.)
const VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
/// The same for an item of a list with commas.
const ITEM: &AsciiSet = &VALUE.add(b',');
/// The same for a key before an equals sign.
const KEY: &AsciiSet = &VALUE.add(b'=');

/// The options that comments set for the next line.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    platforms: Option<Vec<String>>,
    destination_tag: Option<String>,
    /// The tags that a line with a pattern in column 3 selects.
    tags: Filter,
    /// The repositories below the source that the line selects.
    repositories: Option<Filter>,
    attributes: Vec<Attribute>,
    /// What is wrong with the comments. The next line fails then.
    wrong: Vec<String>,
    /// The warning about the last comment if no line follows.
    unused: Option<Diagnostic>,
}

impl Terms {
    /// Parses a comment and stores its options. Adds a warning for a comment that only looks as if it had
    /// some, and for one that no line has used.
    pub(crate) fn read(&mut self, line: &Line<'_>, diagnostics: &mut Vec<Diagnostic>) {
        let comment = line.trimmed().strip_prefix('#').map(str::trim_start);
        let Some(terms) = comment.and_then(|comment| comment.strip_prefix("longshore:")) else {
            diagnostics.extend(nearly(line, &KEYS));
            return;
        };
        for (key, value) in pairs(terms) {
            match self.set(key, value) {
                Ok(false) => {}
                Ok(true) => {
                    let message = format!("`{key}` was set before, and no line has used it");
                    diagnostics.push(line.warning(0, message));
                }
                Err(message) => self.wrong.push(message),
            }
        }
        self.unused = Some(line.warning(0, "no line comes after this comment".into()));
    }

    /// Sets an option. Returns whether this replaces the value that a comment before has set.
    fn set(&mut self, key: &str, value: String) -> Result<bool, String> {
        if !KEYS.contains(&key) {
            let advice = match nearest(key, &KEYS) {
                Some(nearest) => format!("the nearest is `{nearest}=`"),
                None => {
                    let (last, others) = KEYS.split_last().unwrap_or((&"", &[]));
                    let others: Vec<String> =
                        others.iter().map(|key| format!("`{key}=`")).collect();
                    format!("use {} or `{last}=`", others.join(", "))
                }
            };
            return Err(format!("`{key}` is not an option, {advice}"));
        }
        if value.is_empty() {
            return Err(format!("`{key}` has no value"));
        }
        Ok(match key {
            PLATFORMS => self.platforms.replace(platforms(&value)).is_some(),
            DESTINATION_TAG => self.destination_tag.replace(decoded(&value)).is_some(),
            VERSIONS => self.tags.versions.replace(decoded(&value)).is_some(),
            LATEST => {
                let count =
                    value.parse().map_err(|_| format!("`{value}` is not a number of tags"))?;
                self.tags.latest.replace(count).is_some()
            }
            ATTRIBUTE => {
                let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                self.attributes.push(Attribute::new(decoded(key), decoded(value)));
                false
            }
            _ => {
                self.add_pattern(key, decoded(&value));
                false
            }
        })
    }

    /// Adds a regular expression. An option for them may be given several times.
    fn add_pattern(&mut self, key: &str, pattern: String) {
        match key {
            TAGS => self.tags.allow.push(pattern),
            NOT_TAGS => self.tags.deny.push(pattern),
            key => {
                let repositories = self.repositories.get_or_insert_default();
                match (key, &*pattern) {
                    (REPOSITORIES, EVERY) => {}
                    (REPOSITORIES, _) => repositories.allow.push(pattern),
                    _ => repositories.deny.push(pattern),
                }
            }
        }
    }

    /// Fails if the comments above this line are malformed.
    pub(crate) fn checked(&self, line: &Line<'_>) -> Result<(), Diagnostic> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        let (shown, more) = self.wrong.split_at(self.wrong.len().min(MOST_WRONG));
        let more = if more.is_empty() { String::new() } else { format!("; {} more", more.len()) };
        Err(line.error(0, format!("the comment above: {}{more}", shown.join("; "))))
    }

    /// Reports whether the source of the next line is a registry or the path of several repositories.
    pub(crate) const fn selects_repositories(&self) -> bool {
        self.repositories.is_some()
    }

    /// Returns the warning for options that no line has used.
    pub(crate) fn unused(self) -> Option<Diagnostic> {
        self.unused
    }

    /// Moves the options to `entry`. Returns a warning if it cannot use all of them.
    pub(crate) fn give_to(self, entry: &mut Entry, line: &Line<'_>) -> Option<Diagnostic> {
        entry.platforms = self.platforms.unwrap_or_default();
        entry.destination_tag = self.destination_tag;
        entry.repositories = self.repositories;
        entry.attributes = self.attributes;
        if self.tags == Filter::default() {
            return None;
        }
        if entry.select == Selection::All {
            entry.select = Selection::Matching(self.tags);
            return None;
        }
        let message = "the comment above selects tags by pattern, but column 3 is not `*`";
        Some(line.warning(0, message.into()))
    }

    /// Formats the comment for what the columns of an entry cannot say, if it needs one. `renamed` is the
    /// tag at the destination, if it differs.
    pub(crate) fn comment(entry: &Entry, renamed: Option<&str>) -> Option<String> {
        let encoded = |platform: &String| utf8_percent_encode(platform, ITEM).to_string();
        let platforms: Vec<String> = entry.platforms.iter().map(encoded).collect();
        let mut terms = Vec::new();
        if !platforms.is_empty() {
            terms.push((PLATFORMS, platforms.join(",")));
        }
        terms.extend(renamed.map(|tag| (DESTINATION_TAG, written(tag))));
        if let Some(filter) = &entry.repositories {
            if filter.allow.is_empty() {
                terms.push((REPOSITORIES, EVERY.to_owned()));
            }
            terms.extend(patterns(REPOSITORIES, &filter.allow));
            terms.extend(patterns(NOT_REPOSITORIES, &filter.deny));
        }
        if let Selection::Matching(filter) = &entry.select {
            terms.extend(patterns(TAGS, &filter.allow));
            terms.extend(patterns(NOT_TAGS, &filter.deny));
            terms.extend(filter.versions.iter().map(|range| (VERSIONS, written(range))));
            terms.extend(filter.latest.map(|count| (LATEST, count.to_string())));
        }
        terms.extend(entry.attributes.iter().map(|Attribute { key, value }| {
            let key = utf8_percent_encode(key, KEY);
            (ATTRIBUTE, format!("{key}={}", utf8_percent_encode(value, VALUE)))
        }));
        let terms: String = terms.iter().map(|(key, value)| format!(" {key}={value}")).collect();
        (!terms.is_empty()).then(|| format!("# longshore:{terms}\n"))
    }
}

/// Encodes a value that is not empty.
fn written(value: &str) -> String {
    utf8_percent_encode(value, VALUE).to_string()
}

/// Formats regular expressions. An empty one matches every name, as the one does that stands for it.
fn patterns<'a>(
    key: &'static str,
    patterns: &'a [String],
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let or_all = |pattern: &'a String| if pattern.is_empty() { "(?:)" } else { pattern.as_str() };
    patterns.iter().map(move |pattern| (key, written(or_all(pattern))))
}

/// Returns a warning if the options stand behind an entry and not above it.
pub(crate) fn late(line: &Line<'_>) -> Option<Diagnostic> {
    let is_mark = |text: &str| text.starts_with('#') || text.starts_with("//");
    let first = line.fields().find(|field| is_mark(field.text))?;
    let remark = &line.text[first.start..];
    let named = remark.trim_start_matches('#').trim_start();
    let is_longshore = named.starts_with("longshore:") || is_near(remark, &KEYS);
    let message = "options for longshore belong into a line of their own above the entry";
    is_longshore.then(|| line.warning(first.start, message.into()))
}

/// Splits the options into keys and values. A word without `=` continues a list of platforms before it, which
/// people write with blanks.
fn pairs(terms: &str) -> Vec<(&str, String)> {
    let mut pairs: Vec<(&str, String)> = Vec::new();
    for word in terms.split_whitespace() {
        match (word.split_once('='), pairs.last_mut()) {
            (None, Some((key, value))) if *key == PLATFORMS => value.push_str(word),
            (None, _) => pairs.push((word, String::new())),
            (Some((key, value)), _) => pairs.push((key, value.to_owned())),
        }
    }
    pairs
}

fn platforms(list: &str) -> Vec<String> {
    let named = list.split(',').filter(|platform| !platform.is_empty());
    let named: Vec<String> = named.map(decoded).collect();
    if named.iter().any(|platform| platform == ALL) { vec![ALL.to_owned()] } else { named }
}

/// Decodes `%20` and the like. A broken escape, or one that gives no text, stays as it is.
fn decoded(value: &str) -> String {
    percent_decode_str(value).decode_utf8().map_or_else(|_| value.to_owned(), Into::into)
}
