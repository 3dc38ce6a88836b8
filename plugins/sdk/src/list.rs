//! What a list format answers.

use crate::diagnostic::{Diagnostic, Place};

/// How sure a format is that a text is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing fits.
    No,
    /// Something fits.
    Maybe,
    /// Everything fits.
    Certain,
}

/// Which tags to take: those that match an `allow` (all, if there is none) and no `deny`, lie in
/// `versions`, and are among the `latest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Regular expressions in RE2 syntax, unanchored.
    pub allow: Vec<String>,
    /// The same, of what is left out.
    pub deny: Vec<String>,
    /// A range such as `>=1.2 <2 || ^3`; tags that are no version are dropped.
    pub versions: Option<String>,
    /// The so many highest versions; the rest is dropped.
    pub latest: Option<u32>,
}

/// What of a repository is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// What the tag points to.
    Tag(String),
    /// One digest, pushed under the tag if there is one.
    Digest {
        /// `ALGORITHM:HEX`.
        digest: String,
        /// The tag that it was written with.
        tag: Option<String>,
    },
    /// Every tag.
    All,
    /// The tags that the filter takes.
    Matching(Filter),
}

/// One thing to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `[registry/]repository`, without tag and digest.
    pub source: String,
    /// Set: `source` is a registry or a path prefix, and the host keeps the repositories of its
    /// catalogue that match (`versions` and `latest` are not used).
    pub repositories: Option<Filter>,
    /// What of the repository is meant.
    pub selection: Selection,
    /// `[registry/]repository`; none keeps the source's path.
    pub destination: Option<String>,
    /// Another tag at the destination, for one tag or digest.
    pub destination_tag: Option<String>,
    /// `os/architecture[/variant]` each; none is what the command line says, the one word `all` is no
    /// filter.
    pub platforms: Vec<String>,
    /// Where it starts in the input, from 1.
    pub line: u32,
    /// Names and values for the rewrites.
    pub attributes: Vec<(String, String)>,
}

impl Entry {
    /// An entry of which nothing else is said.
    #[must_use]
    pub fn new(source: impl Into<String>, selection: Selection, line: u32) -> Self {
        Self {
            source: source.into(),
            repositories: None,
            selection,
            destination: None,
            destination_tag: None,
            platforms: Vec::new(),
            line,
            attributes: Vec::new(),
        }
    }

    /// The same with a destination.
    #[must_use]
    pub fn to(self, destination: impl Into<String>) -> Self {
        Self { destination: Some(destination.into()), ..self }
    }
}

/// A list that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// What is to be mirrored.
    pub entries: Vec<Entry>,
    /// What a person should know of the input; every part of it that is neither an entry nor a
    /// comment has one.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Notes that something was not turned into an entry.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, message));
    }

    /// Notes something that a person should know.
    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, message));
    }
}
