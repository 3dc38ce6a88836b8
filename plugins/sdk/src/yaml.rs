//! Parses YAML, and so JSON, into trees of nodes with positions.
//!
//! Formats walk the nodes instead of deserializing them, for three reasons. Every diagnostic needs a
//! line and a column. An unknown key is a warning and not an error. One invalid item must not affect
//! the others.

mod look;
mod mend;
mod read;

use std::rc::Rc;

pub use look::outline;
pub use mend::mended;
pub use read::{Documents, read, read_last};

use crate::diagnostic::Place;
use crate::list::Parsed;

/// A value and its position.
#[derive(Clone, Debug)]
pub struct Node {
    /// Position of the value. For a block mapping this is its first key.
    pub place: Place,
    /// The value.
    pub value: Value,
    /// Number of levels below the node, itself included.
    depth: u16,
    /// Number of nodes in the tree with all aliases expanded.
    weight: u32,
}

/// The value of a node.
#[derive(Clone, Debug)]
pub enum Value {
    /// An empty value, `null` or `~`.
    Null,
    /// A string, number or boolean.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Key-value pairs.
    Mapping(Mapping),
}

/// The text of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, unquoted and unescaped.
    pub text: String,
    /// Whether it was written without quotes, so that `true` is a boolean.
    pub plain: bool,
}

/// A key and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Position of the key.
    pub place: Place,
    /// The key.
    pub text: String,
    /// Whether the key stands without quotes and without the tag `!!str`.
    pub plain: bool,
}

/// Key-value pairs in the order of the text. Keys are unique. Keys merged with `<<` come last.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<(Key, Rc<Node>)>,
}

impl Mapping {
    /// Returns the value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// Returns the key as written, and its value.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.iter().find(|(found, _)| found.text == key)
    }

    /// Iterates over all pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter().map(|(key, node)| (key, &**node))
    }

    /// Adds a warning, with the reason, for every key of `ignored` that has a value other than
    /// `false`. Adds a warning for every key that is in neither `ignored` nor `used`. Keys that
    /// start with `x-` are extensions and get no warning.
    pub fn warn_unused(&self, used: &[&str], ignored: &[(&str, &str)], parsed: &mut Parsed) {
        for (key, node) in self.iter() {
            let text = key.text.as_str();
            if used.contains(&text) || text.starts_with("x-") {
                continue;
            }
            match ignored.iter().find(|(name, _)| *name == text) {
                Some(_) if node.is_empty() || node.as_bool() == Some(false) => {}
                Some((_, why)) => parsed.warn(key.place, format!("`{text}` is ignored: {why}")),
                None => parsed.warn(key.place, format!("unknown key {text:?} is ignored")),
            }
        }
    }

    /// Reports whether there are no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Node {
    /// Returns the mapping, or `None` for other values.
    #[must_use]
    pub const fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// Returns the items of a list, or `None` for other values.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the text of a scalar, or `None` for other values. Numbers and booleans keep the text
    /// they are written with.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Returns the boolean, or `None` for other values.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match &self.value {
            Value::Scalar(Scalar { text, plain: true }) => match text.as_str() {
                "true" | "True" | "TRUE" => Some(true),
                "false" | "False" | "FALSE" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Reports whether the value is null or an empty text, list or mapping.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Scalar(scalar) => scalar.text.is_empty(),
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(mapping) => mapping.is_empty(),
        }
    }

    /// Reports whether the value is a text of blanks, which stands for a value that is not set.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.as_text().is_some_and(|text| text.trim().is_empty())
    }

    /// Describes the type of the value in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// Returns the mapping; adds an error that names `what` for other values.
    pub fn expect_mapping(&self, what: &str, parsed: &mut Parsed) -> Option<&Mapping> {
        self.expected(self.as_mapping(), what, "a mapping", parsed)
    }

    /// Returns the items of a list; adds an error that names `what` for other values.
    pub fn expect_sequence(&self, what: &str, parsed: &mut Parsed) -> Option<&[Rc<Self>]> {
        self.expected(self.as_sequence(), what, "a list", parsed)
    }

    /// Returns the text; adds an error that names `what` for other values and empty texts.
    pub fn expect_text(&self, what: &str, parsed: &mut Parsed) -> Option<&str> {
        let text = self.as_text().filter(|text| !text.is_empty());
        self.expected(text, what, "a string", parsed)
    }

    /// Returns the texts of a list. A single text counts as a list of one. Adds an error for every
    /// item that is not a text, and then returns `None`: most such lists narrow the selection.
    pub fn expect_texts(&self, what: &str, parsed: &mut Parsed) -> Option<Vec<(Place, &str)>> {
        if let Some(text) = self.as_text().filter(|text| !text.is_empty()) {
            return Some(vec![(self.place, text)]);
        }
        if matches!(self.value, Value::Null) {
            return Some(Vec::new());
        }
        let items = self.expect_sequence(what, parsed)?;
        let what = format!("an item of {what}");
        let texts: Vec<_> = items
            .iter()
            .filter_map(|item| Some((item.place, item.expect_text(&what, parsed)?)))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    fn expected<'a, T: ?Sized>(
        &self,
        found: Option<&'a T>,
        what: &str,
        kind: &str,
        parsed: &mut Parsed,
    ) -> Option<&'a T> {
        if found.is_none() {
            let message = match &self.value {
                Value::Scalar(scalar) if scalar.text.is_empty() => {
                    format!("{what} must be {kind}, found an empty string")
                }
                _ => format!("{what} must be {kind}, found {}", self.kind()),
            };
            parsed.error(self.place, message);
        }
        found
    }
}

#[cfg(test)]
mod mend_tests;
#[cfg(test)]
mod tests;
