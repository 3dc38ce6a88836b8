//! One value of a document, and where it stands.

use std::borrow::Cow;

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Where it starts in the text, in bytes; an alias stands where it is used.
    pub at: usize,
    /// What it is.
    pub value: Value<'a>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text, a number, a boolean or nothing.
    Scalar {
        /// As it is written, without quotes: `1.10` stays `1.10`.
        text: Cow<'a, str>,
        /// Whether it is a text whatever it looks like.
        quoted: bool,
    },
    /// A list.
    List(Vec<Node<'a>>),
    /// Keys and values; no key is there twice, and merge keys are resolved.
    Map(Vec<Member<'a>>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Where the key starts in the text, in bytes.
    pub at: usize,
    /// The key; empty where it is no scalar.
    pub key: Cow<'a, str>,
    /// Its value.
    pub value: Node<'a>,
}

impl<'a> Node<'a> {
    /// The value of a key, where this is a map that has it and the value is not null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.member(key).map(|member| &member.value)
    }

    /// The key and its value, where this is a map that has it and the value is not null.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Member<'a>> {
        self.members().iter().find(|member| member.key == key && !member.value.is_null())
    }

    /// The value at the end of a path of keys.
    #[must_use]
    pub fn path(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a scalar that is not null.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The text of the scalar that a key has.
    #[must_use]
    pub fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Whether there is nothing, or `null`, or `~`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, quoted: false } => {
                matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// The items of a list; none if it is something else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a map; none if it is something else.
    #[must_use]
    pub fn members(&self) -> &[Member<'a>] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// Whether it is a map.
    #[must_use]
    pub const fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// What it is, for a remark: `a map`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// How many nodes it is made of.
    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Self::size).sum::<usize>(),
            Value::Map(members) => members.iter().map(|member| member.value.size()).sum(),
        }
    }
}
