//! The list format `default`: one reference a line, as in `rancher-images.txt`.
//!
//! ```text
//! rancher/rancher:v2.9.1
//! registry.example.io:5000/library/mysql@sha256:…
//! busybox
//! ```
//!
//! There is no destination in it: the host keeps the source's path. Whether a reference is valid is
//! the host's question too.

use longshore_plugin_sdk::line::{Confidence, Diagnostic, Line, confidence, lines};
use longshore_plugin_sdk::reference::{Parts, Select, looks_meant};

#[cfg(target_arch = "wasm32")]
mod adapter;

/// The tag of a reference that names neither tag nor digest.
const LATEST: &str = "latest";

/// One line's worth to mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The reference without tag and digest.
    pub source: &'a str,
    /// Its tag and digest.
    pub select: Select<'a>,
    /// Which line it is, from 1.
    pub line: u32,
}

/// What a line gave: an entry, a diagnostic, or an entry with a warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// The entry, if the line has one.
    pub entry: Option<Entry<'a>>,
    /// The remark, if there is one; an error exactly if there is no entry.
    pub diagnostic: Option<Diagnostic>,
}

/// Says whether the text is a list in this format.
#[must_use]
pub fn probe(head: &str) -> Confidence {
    confidence(
        lines(head)
            .filter(|line| !line.is_comment())
            .map(|line| entry(&line).is_ok_and(|(entry, _)| looks_meant(entry.source))),
    )
}

/// Reads the lines one after the other, without blank lines and comments.
pub fn parse(text: &str) -> impl Iterator<Item = Read<'_>> {
    lines(text).filter(|line| !line.is_comment()).map(|line| match entry(&line) {
        Ok((entry, diagnostic)) => Read { entry: Some(entry), diagnostic },
        Err(diagnostic) => Read { entry: None, diagnostic: Some(diagnostic) },
    })
}

fn entry<'a>(line: &Line<'a>) -> Result<(Entry<'a>, Option<Diagnostic>), Diagnostic> {
    let mut fields = line.fields();
    let Some(reference) = fields.next() else {
        return Err(line.error(0, "expected one reference a line, found none".into()));
    };
    if let Some(second) = fields.next() {
        let found = line.fields().count();
        return Err(line
            .error(second.start, format!("expected one reference a line, found {found} fields")));
    }
    let parts = Parts::of(reference.text);
    let name_end = reference.start + parts.name.len();
    if parts.name.is_empty() {
        return Err(line.error(reference.start, "there is no name before the tag".into()));
    }
    if parts.tag == Some("") {
        return Err(line.error(name_end, "there is no tag after the colon".into()));
    }
    let (select, warning) = match (parts.digest, parts.tag) {
        (None, tag) => (Select::Tag(tag.unwrap_or(LATEST)), None),
        (Some(""), _) => {
            let at = reference.start + reference.text.len() - 1;
            return Err(line.error(at, "there is no digest after the `@`".into()));
        }
        (Some(digest), tag @ Some(_)) => (Select::Digest { digest, tag }, None),
        (Some(digest), None) => {
            let message = "the destination gets no tag, as only a digest is given";
            let warning = line.warning(name_end, message.into());
            (Select::Digest { digest, tag: None }, Some(warning))
        }
    };
    let entry = Entry { source: parts.name, select, line: line.number };
    Ok((entry, warning))
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::line::{Confidence, Severity};
    use longshore_plugin_sdk::reference::Select;

    use super::{Entry, parse, probe};

    const fn digest<'a>(digest: &'a str, tag: Option<&'a str>) -> Select<'a> {
        Select::Digest { digest, tag }
    }

    #[test]
    fn a_reference_is_an_entry() {
        for (text, source, select) in [
            ("busybox", "busybox", Select::Tag("latest")),
            (" rancher/rancher:v2.9.1\t\r\n", "rancher/rancher", Select::Tag("v2.9.1")),
            ("h:5000/a", "h:5000/a", Select::Tag("latest")),
            ("h:5000/a:1", "h:5000/a", Select::Tag("1")),
            ("a:1@sha256:00", "a", digest("sha256:00", Some("1"))),
            ("UPPER/Case:1", "UPPER/Case", Select::Tag("1")),
        ] {
            let read: Vec<_> = parse(text).collect();
            assert_eq!(read.len(), 1, "{text:?}");
            assert_eq!(read[0].diagnostic, None, "{text:?}");
            let line = 1;
            let expected = Entry { source, select, line };
            assert_eq!(read[0].entry, Some(expected), "{text:?}");
        }
    }

    #[test]
    fn a_digest_alone_warns_that_there_is_no_tag() {
        let read: Vec<_> = parse("# c\nä/a@sha256:00").collect();
        let entry = read[0].entry.as_ref().expect("an entry");
        assert_eq!(entry.select, digest("sha256:00", None));
        let warning = read[0].diagnostic.as_ref().expect("a warning");
        assert_eq!((warning.severity, warning.line, warning.column), (Severity::Warning, 2, 4));
    }

    #[test]
    fn malformed_lines_have_their_place() {
        for (text, column) in [
            ("a b 1", 3),
            ("ä\tb", 3),
            ("a:", 2),
            ("a:@sha256:00", 2),
            ("a:1@", 4),
            (" :1", 2),
            ("@sha256:00", 1),
        ] {
            let read: Vec<_> = parse(text).collect();
            assert_eq!(read[0].entry, None, "{text:?}");
            let error = read[0].diagnostic.as_ref().expect("an error");
            assert_eq!(
                (error.severity, error.line, error.column),
                (Severity::Error, 1, column),
                "{text:?}: {}",
                error.message
            );
        }
    }

    #[test]
    fn probing_counts_lines_that_fit() {
        for (text, expected) in [
            ("# only\n", Confidence::No),
            ("a b 1\n", Confidence::No),
            ("{\n}\n", Confidence::No),
            ("images:\n- a\n", Confidence::No),
            ("# c\n\u{20}nginx\nh:5000/a:1@sha256:0\n", Confidence::Certain),
            ("nginx\na b 1\n", Confidence::Maybe),
        ] {
            assert_eq!(probe(text), expected, "{text:?}");
        }
    }
}
