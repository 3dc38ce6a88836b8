//! List formats: their trait, and what they return.

use std::collections::HashSet;

pub use crate::bindings::imports::types::{Attribute, Entry, Filter, Pinned, Selection};
pub use crate::bindings::list_format::{Confidence, Parsed};

use crate::diagnostic::{Diagnostic, Place};
use crate::reference::{Parts, has_digest_algorithm, image_id, is_image_id, looks_like_reference};

/// The attribute of an entry whose only platform has the manifest to copy without its index.
const SINGLE_MANIFEST: &str = "single-manifest";

/// The attribute of entries that are one selection together.
const JOINT_SELECTION: &str = "joint-selection";

#[expect(clippy::derivable_impls, reason = "wit-bindgen writes the type")]
impl Default for Filter {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), versions: None, latest: None }
    }
}

#[expect(clippy::derivable_impls, reason = "wit-bindgen writes the type")]
impl Default for Parsed {
    fn default() -> Self {
        Self { entries: Vec::new(), diagnostics: Vec::new() }
    }
}

impl Selection {
    /// Selects one digest, pushed under the tag if there is one.
    #[must_use]
    pub fn pinned(digest: impl Into<String>, tag: Option<String>) -> Self {
        Self::ByDigest(Pinned { digest: digest.into(), tag })
    }
}

impl Entry {
    /// Creates an entry with defaults for all other fields.
    #[must_use]
    pub fn new(source: impl Into<String>, selection: Selection, line: u32) -> Self {
        Self {
            source: source.into(),
            repositories: None,
            select: selection,
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

    /// Takes the manifest of one platform without its index, as tools do that resolve the platform first.
    pub fn take_manifest_of(&mut self, platform: &str) {
        self.platforms = vec![platform.to_owned()];
        self.attributes.push(Attribute::new(SINGLE_MANIFEST, "true"));
    }

    /// Makes the entry a part of the selection `name`. All its parts have the same source, destination and name.
    /// A part may select nothing if another one selects something.
    pub fn select_jointly(&mut self, name: impl Into<String>) {
        self.attributes.push(Attribute::new(JOINT_SELECTION, name));
    }
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
            _ if is_image_id(reference) => image_id(reference),
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

/// A configured list format. [`export_list_format!`](crate::export_list_format) makes it a component.
pub trait ListFormat: Sized {
    /// Says whether the text is in this format. `head` has at most the first 64 KiB, cut after a line.
    fn probe(file_name: &str, head: &str) -> Confidence;

    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Parses a text. Every part that is neither an entry nor a comment gets a diagnostic.
    fn parse(&self, file_name: &str, text: &str) -> Parsed;
}

/// A list format that can also write. [`export_list_render!`](crate::export_list_render) exports it.
pub trait ListRender {
    /// Writes the entries.
    ///
    /// # Errors
    /// Names the entry that the format cannot express.
    fn render(entries: &[Entry]) -> Result<String, String>;
}

/// Accepts the configuration of a format that has none.
///
/// # Errors
/// Fails if a configuration is given.
pub fn no_config(json: &str) -> Result<(), String> {
    match json {
        "{}" => Ok(()),
        _ => Err("this list format takes no configuration".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Attribute, Entry, Parsed, Selection};
    use crate::diagnostic::{Place, Severity};

    const PLACE: Place = Place { line: 3, column: 5 };

    #[test]
    fn references_become_entries() {
        let pinned = |tag: Option<&str>| Selection::pinned("sha256:00", tag.map(str::to_owned));
        for (reference, source, selection) in [
            ("a", "a", Selection::ByTag("latest".into())),
            ("h:5000/b:1", "h:5000/b", Selection::ByTag("1".into())),
            ("d:2@sha256:00", "d", pinned(Some("2"))),
            ("sha256:1.0", "sha256", Selection::ByTag("1.0".into())),
            ("e3b0c44298fc", "e3b0c44298fc", Selection::ByTag("latest".into())),
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
    fn the_manifest_of_a_platform_is_an_attribute() {
        let mut entry = Entry::new("a", Selection::All, 1);
        entry.take_manifest_of("linux/arm64");
        assert_eq!(entry.platforms, ["linux/arm64"]);
        assert_eq!(entry.attributes, [Attribute::new("single-manifest", "true")]);
    }

    #[test]
    fn a_joint_selection_is_an_attribute() {
        let mut entry = Entry::new("a", Selection::All, 1);
        entry.select_jointly("1.2");
        assert_eq!(entry.attributes, [Attribute::new("joint-selection", "1.2")]);
    }

    #[test]
    fn invalid_references_are_errors() {
        for (reference, message) in [
            ("", "`` is not an image reference"),
            ("ä", "`ä` is not an image reference"),
            ("{{ .image }}", "`{{ .image }}` is not an image reference"),
            ("a b", "`a b` is not an image reference"),
            ("https://a/b", "`https://a/b` is not an image reference"),
            (
                "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "`sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` is an image ID, which no \
                 registry knows: name the image by its tag or digest",
            ),
            (
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "`e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855` is an image ID, which no registry \
                 knows: name the image by its tag or digest",
            ),
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
