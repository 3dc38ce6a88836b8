//! What a rewrite gets and answers.

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact {
    /// A container image, or any artifact of a list.
    Image,
    /// A Helm chart.
    Chart,
}

/// Something on its way to a destination; the references are complete:
/// `registry/repository[:tag][@digest]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub artifact: Artifact,
    /// Where it comes from.
    pub source: String,
    /// Where it goes, as far as that is known.
    pub destination: String,
    /// Names and values that the list gave it.
    pub attributes: Vec<(String, String)>,
}

/// What becomes of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The destination, changed or not.
    Destination(String),
    /// It is left out, and why.
    Skip(String),
    /// It must not be mirrored, and why: the entry fails.
    Refuse(String),
}

/// A configured rewrite.
pub trait Rewrite: Sized {
    /// Reads the configuration, a JSON object.
    ///
    /// # Errors
    /// What is wrong with it, as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Decides by the item and the configuration alone.
    fn apply(&self, item: Item) -> Verdict;
}
