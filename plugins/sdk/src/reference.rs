//! Splits references into their parts without validating them.

use crate::list::Selection;

/// The default tag of a reference without tag and digest.
pub const LATEST: &str = "latest";

/// The parts of `NAME[:TAG][@DIGEST]`, not validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `[registry/]repository`.
    pub name: &'a str,
    /// The text after the colon; may be empty.
    pub tag: Option<&'a str>,
    /// The text after the `@`; may be empty.
    pub digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Splits a reference. The colon of a port does not start a tag.
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

    /// Returns the tag or digest that the reference selects, `latest` if it has neither.
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

/// Removes the registry from a name. By Docker's rule, a registry has a dot or a port, or is
/// `localhost`.
#[must_use]
pub fn without_host(name: &str) -> &str {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':', '[']) || first == "localhost" => rest,
        _ => name,
    }
}

/// Reports whether the text starts with a known digest algorithm. The host validates the rest.
#[must_use]
pub fn has_digest_algorithm(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// Reports whether the text looks like a reference. It may still be invalid, but it is not
/// punctuation, a URL or a piece of JSON, YAML or TOML.
#[must_use]
pub fn looks_like_reference(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains(['{', '}', '[', ']', '(', ')', '"', '\'', '<', '>', '=', ',', ';'])
        && !text.contains("://")
}

/// Reports whether the text is a repository path or a part of one. A path consists of components
/// joined by single slashes. A component consists of lower-case words of letters and digits joined
/// by one `.`, one or two `_` or any number of `-`.
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
    use super::{Parts, is_path, looks_like_reference};

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
    fn json_yaml_and_toml_do_not_look_like_references() {
        for meant in ["nginx", "H:5000/Upper$Case:1@sha256:0", "8.0"] {
            assert!(looks_like_reference(meant), "{meant:?}");
        }
        for other in ["{", "---", "=", "\"a\"", "https://a/b", "a,b", "version=1", ""] {
            assert!(!looks_like_reference(other), "{other:?}");
        }
    }
}
