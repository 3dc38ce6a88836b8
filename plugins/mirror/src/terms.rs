//! The comment `# longshore: KEY=VALUE …`, which sets options of the next line that have no column.
//!
//! A value has no blanks; `%20` stands for one. The host writes the same comments into failed lists.

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
    /// The warning about the last comment if no line follows.
    unused: Option<Diagnostic>,
}

impl Terms {
    /// Parses a comment and stores its options. Ignores other comments. Adds a warning for invalid
    /// options.
    pub(crate) fn read(&mut self, line: &Line<'_>, diagnostics: &mut Vec<Diagnostic>) {
        let comment = line.trimmed().strip_prefix('#').map(str::trim_start);
        let Some(terms) = comment.and_then(|comment| comment.strip_prefix("longshore:")) else {
            return;
        };
        for (key, value) in pairs(terms) {
            if let Err(message) = self.set(key, value) {
                diagnostics.push(line.warning(0, message));
            }
        }
        self.unused = Some(line.warning(0, "no line comes after this comment".into()));
    }

    /// Sets an option.
    fn set(&mut self, key: &str, value: String) -> Result<(), String> {
        if !KEYS.contains(&key) {
            let (last, others) = KEYS.split_last().unwrap_or((&"", &[]));
            let others: Vec<String> = others.iter().map(|key| format!("`{key}=`")).collect();
            return Err(format!(
                "`{key}` is not an option, use {} or `{last}=`",
                others.join(", ")
            ));
        }
        if value.is_empty() {
            self.forget(key);
            return Err(format!("`{key}` has no value"));
        }
        let replaced = match key {
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
        };
        if replaced {
            Err(format!("`{key}` was set before, and no line has used it"))
        } else {
            Ok(())
        }
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

    fn forget(&mut self, key: &str) {
        match key {
            PLATFORMS => self.platforms = None,
            DESTINATION_TAG => self.destination_tag = None,
            _ => {}
        }
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

    /// Formats the comment for the platforms, the destination tag and the attributes of an entry, if it needs
    /// one.
    pub(crate) fn comment(
        platforms: &[String],
        destination_tag: Option<&str>,
        attributes: &[Attribute],
    ) -> Option<String> {
        let encoded = |platform: &String| utf8_percent_encode(platform, ITEM).to_string();
        let platforms: Vec<String> = platforms.iter().map(encoded).collect();
        let platforms =
            (!platforms.is_empty()).then(|| format!(" {PLATFORMS}={}", platforms.join(",")));
        let encoded = |tag| utf8_percent_encode(tag, VALUE);
        let tag = destination_tag.map(|tag| format!(" {DESTINATION_TAG}={}", encoded(tag)));
        let attributes = attributes.iter().map(|Attribute { key, value }| {
            let (key, value) = (utf8_percent_encode(key, KEY), utf8_percent_encode(value, VALUE));
            format!(" {ATTRIBUTE}={key}={value}")
        });
        let terms: String = [platforms, tag].into_iter().flatten().chain(attributes).collect();
        (!terms.is_empty()).then(|| format!("# longshore:{terms}\n"))
    }
}

/// Returns a warning if the options stand behind an entry and not above it.
pub(crate) fn late(line: &Line<'_>) -> Option<Diagnostic> {
    let mut fields = line.fields().skip_while(|field| !field.text.starts_with('#'));
    let first = fields.next()?;
    let named = first.text.trim_start_matches('#');
    let is_longshore = match named {
        "" => fields.next().is_some_and(|field| field.text.starts_with("longshore:")),
        _ => named.starts_with("longshore:"),
    };
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
