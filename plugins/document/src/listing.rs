//! A list in the making: what a format found in its documents.

use longshore_plugin_sdk::diagnostic::{Diagnostic, Severity};
use longshore_plugin_sdk::list::{Entry, Parsed, Selection};
use longshore_plugin_sdk::reference::{Parts, looks_meant, starts_as_digest};

use crate::node::Node;
use crate::place::Places;
use crate::yaml::documents;

/// The tag of a reference that names neither tag nor digest.
const LATEST: &str = "latest";

/// Collects entries and remarks with their places.
#[derive(Debug)]
pub struct Listing<'a> {
    places: Places<'a>,
    parsed: Parsed,
}

impl<'a> Listing<'a> {
    /// Reads the documents of a text. What is malformed is an error already, and not among them.
    #[must_use]
    pub fn read(text: &'a str) -> (Self, Vec<Node<'a>>) {
        let mut listing = Self { places: Places::new(text), parsed: Parsed::default() };
        let mut roots = Vec::new();
        for document in documents(text) {
            for oddity in document.oddities {
                listing.warn(oddity.at, oddity.message);
            }
            match document.malformed {
                Some(malformed) => {
                    let message = format!("the document is malformed: {}", malformed.message);
                    listing.fail(malformed.at, message);
                }
                None => roots.extend(document.root),
            }
        }
        (listing, roots)
    }

    /// Says that something was read and that a person should know of it; `at` is in bytes.
    pub fn warn(&mut self, at: usize, message: impl Into<String>) {
        self.remark(Severity::Warning, at, message.into());
    }

    /// Says that something was not turned into an entry; `at` is in bytes.
    pub fn fail(&mut self, at: usize, message: impl Into<String>) {
        self.remark(Severity::Error, at, message.into());
    }

    fn remark(&mut self, severity: Severity, at: usize, message: String) {
        let (line, column) = self.places.of(at);
        self.parsed.diagnostics.push(Diagnostic { severity, line, column, message });
    }

    /// Makes an entry of `[registry/]repository[:tag][@digest]`, to be refined by the caller. `None`,
    /// and an error, if it is no reference at all; whether it is a valid one is the host's question.
    pub fn image(&mut self, at: usize, reference: &str) -> Option<&mut Entry> {
        let parts = Parts::of(reference);
        let selection = match selection(reference, parts) {
            Ok(selection) => selection,
            Err(message) => {
                self.fail(at, message);
                return None;
            }
        };
        if matches!(selection, Selection::Digest { tag: None, .. }) {
            self.warn(at, "the destination gets no tag, as only a digest is given");
        }
        let (line, _) = self.places.of(at);
        self.parsed.entries.push(Entry::new(parts.name, selection, line));
        self.parsed.entries.last_mut()
    }

    /// The list, with its remarks in the order of the text.
    #[must_use]
    pub fn finish(mut self) -> Parsed {
        self.parsed.diagnostics.sort_by_key(|remark| (remark.line, remark.column));
        self.parsed
    }
}

fn selection(reference: &str, parts: Parts<'_>) -> Result<Selection, String> {
    let tag = parts.tag.map(str::to_owned);
    match parts.digest {
        _ if !looks_meant(reference) || reference.contains(char::is_whitespace) => {
            Err(format!("`{reference}` is no image reference"))
        }
        _ if parts.tag == Some("") => Err("there is no tag after the colon".into()),
        None => Ok(Selection::Tag(tag.unwrap_or_else(|| LATEST.to_owned()))),
        Some("") => Err("there is no digest after the `@`".into()),
        Some(digest) if starts_as_digest(digest) => {
            Ok(Selection::Digest { digest: digest.to_owned(), tag })
        }
        Some(digest) => Err(format!("`{digest}` is no digest")),
    }
}

#[cfg(test)]
mod tests;
