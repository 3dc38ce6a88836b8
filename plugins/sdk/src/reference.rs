//! References cut into the parts they are written with, without saying whether the parts are valid.

use crate::list::Selection;

/// The tag of a reference that names neither tag nor digest.
pub const LATEST: &str = "latest";

/// `NAME[:TAG][@DIGEST]`, cut but not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `[registry/]repository`.
    pub name: &'a str,
    /// What follows the colon, empty if nothing does.
    pub tag: Option<&'a str>,
    /// What follows the `@`, empty if nothing does.
    pub digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Cuts a reference; the colon of a port is not that of a tag.
    #[must_use]
    pub fn of(reference: &'a str) -> Self {
        let (named, digest) = match reference.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (reference, None),
        };
        let last = named.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match named[last..].find(':') {
            Some(colon) => (&named[..last + colon], Some(&named[last + colon + 1..])),
            None => (named, None),
        };
        Self { name, tag, digest }
    }

    /// What of the repository is meant: without tag and digest that is `latest`.
    #[must_use]
    pub fn selection(&self) -> Selection {
        match (self.digest, self.tag) {
            (Some(digest), tag) => {
                Selection::Digest { digest: digest.to_owned(), tag: tag.map(str::to_owned) }
            }
            (None, tag) => Selection::Tag(tag.unwrap_or(LATEST).to_owned()),
        }
    }
}

/// A name without the registry in front, by Docker's rule: a registry has a dot or a port, or is
/// `localhost`.
#[must_use]
pub fn without_host(name: &str) -> &str {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':', '[']) || first == "localhost" => rest,
        _ => name,
    }
}

/// Whether the text is a digest as far as its algorithm goes; the host checks the rest.
#[must_use]
pub fn starts_as_digest(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// Whether the text could be meant as a reference: not whether it is a valid one, but whether it is
/// no punctuation, no URL and nothing of JSON, YAML or TOML.
#[must_use]
pub fn looks_meant(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains(['{', '}', '[', ']', '(', ')', '"', '\'', '<', '>', '=', ',', ';'])
        && !text.contains("://")
}

/// Whether the text is a repository path, or a part of one: lower-case words of letters and digits
/// joined by one `.`, one or two `_` or any number of `-`, and those joined by single slashes.
#[must_use]
pub fn is_path(text: &str) -> bool {
    text.split('/').all(is_component)
}

fn is_component(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_word(first)
        && is_word(last)
        && bytes.split(|byte| is_word(*byte)).all(|between| {
            matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::{Parts, is_path, looks_meant};

    #[test]
    fn a_port_is_no_tag() {
        for (reference, name, tag, digest) in [
            ("a", "a", None, None),
            ("a:1", "a", Some("1"), None),
            ("h:5000/a", "h:5000/a", None, None),
            ("h:5000/a:1", "h:5000/a", Some("1"), None),
            ("h:5000/a@sha256:0", "h:5000/a", None, Some("sha256:0")),
            ("h:5000/a:1@sha256:0", "h:5000/a", Some("1"), Some("sha256:0")),
            ("a:", "a", Some(""), None),
            ("a@", "a", None, Some("")),
            (":1", "", Some("1"), None),
        ] {
            assert_eq!(Parts::of(reference), Parts { name, tag, digest }, "{reference}");
        }
    }

    #[test]
    fn paths_follow_the_distribution_grammar() {
        for good in ["a", "a/b", "a.b/c_d/e__f/g---h", "0/1"] {
            assert!(is_path(good), "{good:?}");
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "a..b", "a___b", "a._b", "-a", "a-", "a b", "ä",
            "a:1",
        ] {
            assert!(!is_path(bad), "{bad:?}");
        }
    }

    #[test]
    fn other_languages_are_not_meant_as_references() {
        for meant in ["nginx", "H:5000/Upper$Case:1@sha256:0", "8.0"] {
            assert!(looks_meant(meant), "{meant:?}");
        }
        for other in ["{", "---", "=", "\"a\"", "https://a/b", "a,b", "version=1", ""] {
            assert!(!looks_meant(other), "{other:?}");
        }
    }
}
