//! The input and output types of rewrites.

/// The type of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A container image, or any other artifact of a list.
    Image,
    /// A Helm chart.
    Chart,
}

/// An artifact to rewrite. Its references are complete: `registry/repository[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The type of the item.
    pub artifact: Artifact,
    /// The source reference.
    pub source: String,
    /// The destination reference as computed so far.
    pub destination: String,
    /// Names and values that the list sets for the item.
    pub attributes: Vec<(String, String)>,
}

/// The decision about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Mirrors the item to this destination, which may be unchanged.
    Destination(String),
    /// Leaves the item out, for this reason.
    Skip(String),
    /// Fails the entry, for this reason.
    Refuse(String),
}

/// A configured rewrite.
pub trait Rewrite: Sized {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Decides about an item. The result depends only on the item and the configuration.
    fn apply(&self, item: Item) -> Verdict;
}
