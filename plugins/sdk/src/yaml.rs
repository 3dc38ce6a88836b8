//! YAML documents, and so JSON, as trees of nodes that know their places.
//!
//! Formats look at nodes rather than deserialise them: every remark needs a line and a column, a key
//! that is not known is a warning and no failure, and one wrong item must not take the others along.

mod look;
mod read;

use std::rc::Rc;

pub use look::outline;
pub use read::{Documents, read};

use crate::diagnostic::Place;
use crate::list::Parsed;

/// One value and where it starts.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it starts; of a block mapping that is its first key.
    pub place: Place,
    /// What it is.
    pub value: Value,
    /// How many levels there are below it, itself included.
    depth: u16,
    /// How many nodes it amounts to with every alias followed.
    weight: u32,
}

/// What a node can be.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// A word, number, truth value or text.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Rc<Node>>),
    /// Keys and values.
    Mapping(Mapping),
}

/// The text of a scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, without quotes and escapes.
    pub text: String,
    /// Was it written without quotes, so that `true` is a truth value?
    pub plain: bool,
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it starts.
    pub place: Place,
    /// The key.
    pub text: String,
}

/// Keys and values in the order of the text, each key once; what `<<` merges comes last.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Vec<(Key, Rc<Node>)>,
}

impl Mapping {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A key as it stands there, and its value.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        self.iter().find(|(found, _)| found.text == key)
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Node)> {
        self.entries.iter().map(|(key, node)| (key, &**node))
    }

    /// Warns of every key of `ignored` that says something (an empty value and `false` do not), with
    /// why it is not done, and of every key that is neither there nor in `used`. Keys that start with
    /// `x-` are the author's own.
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

    /// Is there no key?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Node {
    /// The mapping that it is, if it is one.
    #[must_use]
    pub const fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// The items of the list that it is, if it is one.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Rc<Self>]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The text that it is, if it is one; numbers and truth values are the text that they are written
    /// with.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The truth value that it is, if it is one.
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

    /// Says nothing: null, an empty text, list or mapping.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Scalar(scalar) => scalar.text.is_empty(),
            Value::Sequence(items) => items.is_empty(),
            Value::Mapping(mapping) => mapping.is_empty(),
        }
    }

    /// What it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }

    /// The mapping that `what` must be; anything else is an error.
    pub fn expect_mapping(&self, what: &str, parsed: &mut Parsed) -> Option<&Mapping> {
        self.expected(self.as_mapping(), what, "a mapping", parsed)
    }

    /// The list that `what` must be; anything else is an error.
    pub fn expect_sequence(&self, what: &str, parsed: &mut Parsed) -> Option<&[Rc<Self>]> {
        self.expected(self.as_sequence(), what, "a list", parsed)
    }

    /// The text that `what` must be, and not an empty one; anything else is an error.
    pub fn expect_text(&self, what: &str, parsed: &mut Parsed) -> Option<&str> {
        let text = self.as_text().filter(|text| !text.is_empty());
        self.expected(text, what, "a text", parsed)
    }

    /// The texts of a list, where one text may stand for a list of it. What is no text is an error, and
    /// the others are not given then: most such lists narrow what is taken.
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
                    format!("{what} must be {kind}, found an empty text")
                }
                _ => format!("{what} must be {kind}, found {}", self.kind()),
            };
            parsed.error(self.place, message);
        }
        found
    }
}

#[cfg(test)]
mod tests;
