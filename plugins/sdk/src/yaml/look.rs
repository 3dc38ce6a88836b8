//! Looks up optional values in a tree.

use std::rc::Rc;

use super::read::{read, read_within};
use super::{Key, Node, Value};
use crate::list::Parsed;

/// Maximum length of a key in an outline.
const LONGEST_KEY: usize = 128;

/// Parses the beginning of a text for a probe. Skips empty documents. The last one may be cut off.
#[must_use]
pub fn outline(head: &str) -> Vec<Rc<Node>> {
    meant(read_within(head, LONGEST_KEY).roots)
}

impl Parsed {
    /// Parses YAML documents. Returns an empty list with the syntax errors, and the documents that
    /// are complete and not empty.
    #[must_use]
    pub fn of_yaml(text: &str) -> (Self, Vec<Rc<Node>>) {
        let documents = read(text);
        let roots = meant(documents.whole().to_vec());
        (Self { entries: Vec::new(), diagnostics: documents.errors }, roots)
    }

    /// Parses a text that must be one YAML document. A second document is an error.
    #[must_use]
    pub fn of_one_yaml(text: &str) -> (Self, Option<Rc<Node>>) {
        let documents = read(text);
        let (root, second) = match documents.whole() {
            [] => (None, None),
            [root, more @ ..] => (Some(Rc::clone(root)), more.first()),
        };
        let mut parsed = Self { entries: Vec::new(), diagnostics: documents.errors.clone() };
        if let Some(second) = second {
            parsed.error(second.place, "there must be one document, this is the second");
        }
        (parsed, root)
    }
}

fn meant(mut roots: Vec<Rc<Node>>) -> Vec<Rc<Node>> {
    roots.retain(|root| !matches!(root.value, Value::Null));
    roots
}

impl Node {
    /// Returns the value of a key if this is a mapping that has it. Treats null as missing.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|(_, value)| value)
    }

    /// Returns the key as written and its value, like [`get`](Self::get).
    #[must_use]
    pub fn member(&self, key: &str) -> Option<(&Key, &Self)> {
        let found = self.as_mapping()?.entry(key)?;
        (!matches!(found.1.value, Value::Null)).then_some(found)
    }

    /// Returns the value at a path of keys.
    #[must_use]
    pub fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Returns the text of a key.
    #[must_use]
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// Returns the items of a list; empty for other values.
    #[must_use]
    pub fn items(&self) -> &[Rc<Self>] {
        self.as_sequence().unwrap_or_default()
    }

    /// Iterates over the pairs of a mapping; empty for other values.
    pub fn members(&self) -> impl Iterator<Item = (&Key, &Self)> {
        self.as_mapping().into_iter().flat_map(|mapping| mapping.iter())
    }
}
