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
            (Some(digest), tag) => Selection::pinned(digest, tag.map(str::to_owned)),
            (None, tag) => Selection::ByTag(tag.unwrap_or(LATEST).to_owned()),
        }
    }
}

/// Reports whether the first component of a name is a registry. By Docker's rule, a registry has a
/// dot or a port, is an IPv6 address in brackets, or is `localhost`. The host uses the same rule.
#[must_use]
pub fn is_registry(component: &str) -> bool {
    component.contains(['.', ':', '[']) || component == "localhost"
}

/// Splits a name into its registry, if it names one, and the path.
#[must_use]
pub fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if is_registry(first) => (Some(first), rest),
        _ => (None, name),
    }
}

/// Removes the registry from a name.
#[must_use]
pub fn without_host(name: &str) -> &str {
    split_registry(name).1
}

/// Reports whether the text starts with a known digest algorithm. The host validates the rest.
#[must_use]
pub fn has_digest_algorithm(text: &str) -> bool {
    text.starts_with("sha256:") || text.starts_with("sha512:")
}

/// Reports whether the text is the ID of an image in a container engine: the digest of its configuration, with or
/// without the algorithm. Engines take no such name for a repository.
#[must_use]
pub fn is_image_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Describes the error of an image ID in the place of a reference.
#[must_use]
pub fn image_id(text: &str) -> String {
    format!("`{text}` is an image ID, which no registry knows: name the image by its tag or digest")
}

/// Reports whether the text looks like a reference. It may still be invalid, but it is not
/// punctuation, a URL or a piece of JSON, YAML or TOML.
#[must_use]
pub fn looks_like_reference(text: &str) -> bool {
    let text = without_ipv6(text);
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.contains(['{', '}', '[', ']', '(', ')', '"', '\'', '<', '>', '=', ',', ';'])
        && !text.contains("://")
}

/// Removes the brackets and colons of an IPv6 address at the start of a name, such as
/// `[::1]:5000/team/app`.
fn without_ipv6(text: &str) -> &str {
    let inner = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match inner {
        Some((address, rest))
            if rest.starts_with([':', '/']) && address.parse::<std::net::Ipv6Addr>().is_ok() =>
        {
            rest.trim_start_matches([':', '/'])
        }
        _ => text,
    }
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
    use super::{Parts, is_path, is_registry, looks_like_reference, split_registry, without_host};

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
    fn registries_have_a_dot_a_port_or_brackets_or_are_localhost() {
        for good in [
            "docker.io",
            "localhost",
            "localhost:5000",
            "host:5000",
            "127.0.0.1",
            "[::1]",
            "[::1]:5000",
            "[2001:db8::1]:443",
            "REG.Example",
        ] {
            assert!(is_registry(good), "{good:?}");
        }
        for bad in ["", "library", "team-a", "localhosts", "LOCALHOST", "a_b"] {
            assert!(!is_registry(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_registry_is_split_from_the_path() {
        for (name, registry, path) in [
            ("nginx", None, "nginx"),
            ("team/app", None, "team/app"),
            ("quay.io/team/app", Some("quay.io"), "team/app"),
            ("[::1]:5000/a/b", Some("[::1]:5000"), "a/b"),
            ("[fe80::2]/a", Some("[fe80::2]"), "a"),
            ("localhost/a", Some("localhost"), "a"),
            ("h:5000/a", Some("h:5000"), "a"),
        ] {
            assert_eq!(split_registry(name), (registry, path), "{name}");
            assert_eq!(without_host(name), path, "{name}");
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
        for meant in [
            "nginx",
            "H:5000/Upper$Case:1@sha256:0",
            "8.0",
            "[::1]:5000/a/b:1",
            "[2001:db8::1]/a@sha256:0",
            "[::ffff:10.0.0.1]:80/a",
        ] {
            assert!(looks_like_reference(meant), "{meant:?}");
        }
        for other in [
            "{",
            "---",
            "=",
            "\"a\"",
            "https://a/b",
            "a,b",
            "version=1",
            "",
            "[a]",
            "[::1]",
            "[::1]a",
            "[x]:5000/a",
            "[1]/a",
            "[::1]:5000/[a]",
        ] {
            assert!(!looks_like_reference(other), "{other:?}");
        }
    }
}
