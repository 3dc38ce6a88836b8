//! What a list format answers.

use crate::diagnostic::{Diagnostic, Place};
use crate::reference::{Parts, looks_meant, starts_as_digest};

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

    /// Makes an entry of `[registry/]repository[:tag][@digest]`, to be refined by the caller. `None`,
    /// and an error, where that is no reference; whether it is a valid one is the host's question.
    pub fn image(&mut self, place: Place, reference: &str) -> Option<&mut Entry> {
        let parts = Parts::of(reference);
        let wrong = match parts.digest {
            _ if !looks_meant(reference) || reference.contains(char::is_whitespace) => {
                format!("`{reference}` is no image reference")
            }
            _ if parts.tag == Some("") => "there is no tag after the colon".to_owned(),
            Some("") => "there is no digest after the `@`".to_owned(),
            Some(digest) if !starts_as_digest(digest) => format!("`{digest}` is no digest"),
            _ => {
                if parts.tag.is_none() && parts.digest.is_some() {
                    self.warn(place, "the destination gets no tag, as only a digest is given");
                }
                self.entries.push(Entry::new(parts.name, parts.selection(), place.line));
                return self.entries.last_mut();
            }
        };
        self.error(place, wrong);
        None
    }

    /// The same list with its remarks in the order of the input.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.diagnostics.sort_by_key(|found| (found.line, found.column));
        self
    }

    /// Notes something that a person should know.
    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, message));
    }
}

/// A list format that reads a configuration.
pub trait Configured: Sized {
    /// Reads the configuration, a JSON object.
    ///
    /// # Errors
    /// What is wrong with it, as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Reads a text; every part of it that is neither an entry nor a comment has a remark.
    fn parse(&self, file_name: &str, text: &str) -> Parsed;
}

#[cfg(test)]
mod tests {
    use super::{Entry, Parsed, Selection};
    use crate::diagnostic::{Place, Severity};

    const PLACE: Place = Place { line: 3, column: 5 };

    #[test]
    fn references_become_entries() {
        let pinned = |tag: Option<&str>| Selection::Digest {
            digest: "sha256:00".into(),
            tag: tag.map(str::to_owned),
        };
        for (reference, source, selection) in [
            ("a", "a", Selection::Tag("latest".into())),
            ("h:5000/b:1", "h:5000/b", Selection::Tag("1".into())),
            ("d:2@sha256:00", "d", pinned(Some("2"))),
        ] {
            let mut parsed = Parsed::default();
            assert!(parsed.image(PLACE, reference).is_some(), "{reference}");
            assert_eq!(parsed.entries, [Entry::new(source, selection, 3)]);
            assert_eq!(parsed.diagnostics, [], "{reference}");
        }
        let mut parsed = Parsed::default();
        parsed.image(PLACE, "c@sha256:00");
        assert_eq!(parsed.entries, [Entry::new("c", pinned(None), 3)]);
        assert_eq!(parsed.diagnostics[0].severity, Severity::Warning);
    }

    #[test]
    fn what_is_no_reference_is_an_error() {
        for (reference, message) in [
            ("", "`` is no image reference"),
            ("ä", "`ä` is no image reference"),
            ("{{ .image }}", "`{{ .image }}` is no image reference"),
            ("a b", "`a b` is no image reference"),
            ("https://a/b", "`https://a/b` is no image reference"),
            ("a:", "there is no tag after the colon"),
            ("a@", "there is no digest after the `@`"),
            ("a@md5:0", "`md5:0` is no digest"),
        ] {
            let mut parsed = Parsed::default();
            assert_eq!(parsed.image(PLACE, reference), None, "{reference}");
            let [error] = &parsed.diagnostics[..] else { panic!("{reference}: {parsed:?}") };
            assert_eq!((error.severity, error.message.as_str()), (Severity::Error, message));
            assert_eq!((error.line, error.column), (3, 5));
        }
    }
}
