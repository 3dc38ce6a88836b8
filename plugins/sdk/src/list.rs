//! The result types of list formats.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Place};
use crate::reference::{Parts, has_digest_algorithm, looks_like_reference};

/// How sure a format is that a text is in this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing fits.
    No,
    /// Something fits.
    Maybe,
    /// Everything fits.
    Certain,
}

/// Selects tags. A tag must match an `allow` pattern (if there are any) and no `deny` pattern, lie
/// in `versions` and be among the `latest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Patterns for tags to keep: regular expressions in RE2 syntax, unanchored.
    pub allow: Vec<String>,
    /// Patterns for tags to drop, in the same syntax.
    pub deny: Vec<String>,
    /// A version range such as `>=1.2 <2 || ^3`. Drops tags that are not versions.
    pub versions: Option<String>,
    /// Number of highest versions to keep.
    pub latest: Option<u32>,
}

/// The part of a repository to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The manifest that the tag points to.
    Tag(String),
    /// One digest, pushed under the tag if there is one.
    Digest {
        /// `ALGORITHM:HEX`.
        digest: String,
        /// The tag beside the digest in the reference.
        tag: Option<String>,
    },
    /// Every tag.
    All,
    /// The tags that the filter selects.
    Matching(Filter),
}

/// One thing to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `[registry/]repository`, without tag and digest.
    pub source: String,
    /// If set, `source` is a registry or a path prefix. The host mirrors the repositories of the
    /// registry's catalog that match. `versions` and `latest` are not used.
    pub repositories: Option<Filter>,
    /// The tags or the digest to mirror.
    pub selection: Selection,
    /// `[registry/]repository`. `None` keeps the source's path.
    pub destination: Option<String>,
    /// Tag at the destination, if it differs. Only valid for one tag or digest.
    pub destination_tag: Option<String>,
    /// Platforms to keep, each as `os/architecture[/variant]`. If empty, the command line decides.
    /// The single item `all` keeps every platform.
    pub platforms: Vec<String>,
    /// Line of the entry in the input, counted from 1.
    pub line: u32,
    /// Names and values for rewrites.
    pub attributes: Vec<(String, String)>,
}

impl Entry {
    /// Creates an entry with defaults for all other fields.
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

    /// Sets the destination.
    #[must_use]
    pub fn to(self, destination: impl Into<String>) -> Self {
        Self { destination: Some(destination.into()), ..self }
    }

    /// Adds a platform. An empty one, such as that of a variable without a value, is none.
    pub fn keep_platform(&mut self, platform: &str) {
        let platform = platform.trim();
        if !platform.is_empty() {
            self.platforms.push(platform.to_owned());
        }
    }
}

/// A parsed list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The entries to mirror.
    pub entries: Vec<Entry>,
    /// Diagnostics for the user. Every part of the input that is neither an entry nor a comment has
    /// one.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Adds an error: part of the input did not become an entry.
    pub fn error(&mut self, place: Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(place, message));
    }

    /// Adds an entry for `[registry/]repository[:tag][@digest]`, which the caller can refine. Adds
    /// an error and returns `None` if the text does not look like a reference. The host validates
    /// the reference.
    pub fn image(&mut self, place: Place, reference: &str) -> Option<&mut Entry> {
        let parts = Parts::of(reference);
        let wrong = match parts.digest {
            _ if !looks_like_reference(reference) || reference.contains(char::is_whitespace) => {
                format!("`{reference}` is not an image reference")
            }
            _ if parts.tag == Some("") => "there is no tag after the colon".to_owned(),
            Some("") => "there is no digest after the `@`".to_owned(),
            Some(digest) if !has_digest_algorithm(digest) => format!("`{digest}` is not a digest"),
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

    /// Sorts the diagnostics by position. Of equal ones, which a YAML anchor with several aliases
    /// causes, one stays.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        let mut known = HashSet::with_capacity(self.diagnostics.len());
        self.diagnostics.retain(|found| known.insert(found.clone()));
        self.diagnostics.sort_by_key(|found| (found.line, found.column));
        self
    }

    /// Adds a warning for the user.
    pub fn warn(&mut self, place: Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(place, message));
    }
}

/// A list format with a configuration.
pub trait Configured: Sized {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Parses a text. Every part that is neither an entry nor a comment gets a diagnostic.
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
    fn equal_diagnostics_are_one_and_all_are_in_order() {
        let mut parsed = Parsed::default();
        let other = Place { line: 1, column: 9 };
        for (place, message) in [(PLACE, "a"), (other, "a"), (PLACE, "b"), (PLACE, "a")] {
            parsed.error(place, message);
        }
        parsed.warn(PLACE, "a");
        let parsed = parsed.in_order();
        let found: Vec<_> = parsed
            .diagnostics
            .iter()
            .map(|found| (found.line, found.severity, found.message.as_str()))
            .collect();
        let (error, warning) = (Severity::Error, Severity::Warning);
        assert_eq!(found, [(1, error, "a"), (3, error, "a"), (3, error, "b"), (3, warning, "a")]);
    }

    #[test]
    fn an_empty_platform_is_none() {
        let mut entry = Entry::new("a", Selection::All, 1);
        for platform in ["", " ", "\t", "linux/arm64", " linux/amd64 "] {
            entry.keep_platform(platform);
        }
        assert_eq!(entry.platforms, ["linux/arm64", "linux/amd64"]);
    }

    #[test]
    fn invalid_references_are_errors() {
        for (reference, message) in [
            ("", "`` is not an image reference"),
            ("ä", "`ä` is not an image reference"),
            ("{{ .image }}", "`{{ .image }}` is not an image reference"),
            ("a b", "`a b` is not an image reference"),
            ("https://a/b", "`https://a/b` is not an image reference"),
            ("a:", "there is no tag after the colon"),
            ("a@", "there is no digest after the `@`"),
            ("a@md5:0", "`md5:0` is not a digest"),
        ] {
            let mut parsed = Parsed::default();
            assert_eq!(parsed.image(PLACE, reference), None, "{reference}");
            let [error] = &parsed.diagnostics[..] else { panic!("{reference}: {parsed:?}") };
            assert_eq!((error.severity, error.message.as_str()), (Severity::Error, message));
            assert_eq!((error.line, error.column), (3, 5));
        }
    }
}
