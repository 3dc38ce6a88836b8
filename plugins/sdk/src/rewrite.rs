//! Rewrites, which decide where artifacts go.

pub use crate::bindings::rewrite::{Artifact, Item, Verdict};

/// A configured rewrite. [`export_rewrite!`](crate::export_rewrite) makes it a component.
pub trait Rewrite: Sized {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Decides about an item. The result depends only on the item and the configuration.
    fn apply(&self, item: Item) -> Verdict;
}

impl Item {
    /// Returns the value of an attribute that the list sets for the item.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|one| one.key == key).map(|one| one.value.as_str())
    }
}
