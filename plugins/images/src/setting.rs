//! Named values: flags, variables and fields.

use longshore_plugin_sdk::diagnostic::Place;

use crate::finding::{Found, Mark};
use crate::likeness::is_certain;

/// A named value: a flag, a variable or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting<'n> {
    pub(crate) name: &'n str,
    pub(crate) value: &'n str,
    pub(crate) place: Place,
    /// Whether the value is one word, and not a part of a script.
    pub(crate) whole: bool,
    pub(crate) at: At<'n>,
}

/// Where a setting stands below the node that holds the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At<'n> {
    /// An item of a list.
    Item(usize),
    /// A field of an item of a list.
    Field(usize, &'n str),
    /// The value of a key.
    Key(&'n str),
    /// The text of the node.
    Here,
}

impl At<'_> {
    /// Steps into the setting.
    pub(crate) fn enter(self, found: &mut Found) -> Mark {
        match self {
            Self::Item(index) => found.item(index),
            Self::Field(index, key) => {
                let mark = found.item(index);
                let _ = found.key(key);
                mark
            }
            Self::Key(key) => found.key(key),
            Self::Here => found.here(),
        }
    }
}

impl<'n> Setting<'n> {
    /// Makes a setting of a value that may have blanks around it.
    pub(crate) fn of(name: &'n str, value: &'n str, place: Place, at: At<'n>) -> Self {
        let value = value.trim();
        let whole = !value.contains(char::is_whitespace) || is_list(value);
        Self { name, value, place, whole, at }
    }
}

/// Reports whether a value is a list of references, such as lines of `4.2=quay.io/team/app:4.2`.
fn is_list(value: &str) -> bool {
    let mut words = value.split([',', ';', '\n', ' ', '\t', '\r']).filter(|word| !word.is_empty());
    words.all(|word| is_certain(word.rsplit_once('=').map_or(word, |(_, last)| last)))
}

#[cfg(test)]
mod tests {
    use super::is_list;

    #[test]
    fn lists_hold_references_only() {
        for list in ["1=q.io/a:1\n2=q.io/a:2\n", "q.io/a:1,q.io/b:2", "q.io/a:1 x=q.io/b@sha256:aa"]
        {
            assert!(is_list(list), "{list}");
        }
        for other in ["pull q.io/a:1", "1=q.io/a:1\n2=other", "a b"] {
            assert!(!is_list(other), "{other}");
        }
    }
}
