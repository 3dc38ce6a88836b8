//! Looking into a tree for what may be there.

use std::rc::Rc;

use super::read::{read, read_within};
use super::{Key, Node, Value};
use crate::list::Parsed;

/// How long a key may be in an outline.
const LONGEST_KEY: usize = 128;

/// The documents that say something, for a probe: the last one may be cut off.
#[must_use]
pub fn outline(head: &str) -> Vec<Rc<Node>> {
    meant(read_within(head, LONGEST_KEY).roots)
}

impl Parsed {
    /// A list that is yet to be made of YAML documents, and those of them that are whole and say
    /// something. Where the text is broken, the list says so already.
    #[must_use]
    pub fn of_yaml(text: &str) -> (Self, Vec<Rc<Node>>) {
        let documents = read(text);
        let roots = meant(documents.whole().to_vec());
        (Self { entries: Vec::new(), diagnostics: documents.errors }, roots)
    }

    /// The same where there is to be one document: it, if it is whole. A second one is an error.
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
    /// The value of a key, where this is a mapping that has it; what is null is not there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|(_, value)| value)
    }

    /// The key as it stands there and its value, as with [`get`](Self::get).
    #[must_use]
    pub fn member(&self, key: &str) -> Option<(&Key, &Self)> {
        let found = self.as_mapping()?.entry(key)?;
        (!matches!(found.1.value, Value::Null)).then_some(found)
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text that a key has.
    #[must_use]
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// The items of the list that it is; none if it is something else.
    #[must_use]
    pub fn items(&self) -> &[Rc<Self>] {
        self.as_sequence().unwrap_or_default()
    }

    /// The keys and values of the mapping that it is; none if it is something else.
    pub fn members(&self) -> impl Iterator<Item = (&Key, &Self)> {
        self.as_mapping().into_iter().flat_map(|mapping| mapping.iter())
    }
}
