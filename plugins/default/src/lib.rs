//! The list format `default`: one reference per line, as in `rancher-images.txt`.
//!
//! ```text
//! rancher/rancher:v2.9.1
//! registry.example.io:5000/library/mysql@sha256:…
//! busybox
//! ```
//!
//! The format has no destinations: the host keeps the source's path. The host also validates the
//! references.

use longshore_plugin_sdk::diagnostic::Diagnostic;
use longshore_plugin_sdk::line::{Line, confidence, lines};
use longshore_plugin_sdk::list::{Confidence, Entry, Parsed, Selection};
use longshore_plugin_sdk::reference::{Parts, looks_like_reference};

mod render;

pub use render::render;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);
#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_render!(render);

/// Reports whether the text is a list in this format.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    confidence(
        lines(head)
            .filter(|line| !line.is_comment())
            .map(|line| entry(&line).is_ok_and(|(entry, _)| looks_like_entry(&entry))),
    )
}

/// Reports whether the line looks like a reference. `a/b:1:` is a YAML key.
fn looks_like_entry(entry: &Entry) -> bool {
    let is_tag = match &entry.selection {
        Selection::Tag(tag) => !tag.contains(':'),
        _ => true,
    };
    is_tag && looks_like_reference(&entry.source)
}

/// Parses the list.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for line in lines(text).filter(|line| !line.is_comment()) {
        match entry(&line) {
            Ok((entry, warning)) => {
                parsed.entries.push(entry);
                parsed.diagnostics.extend(warning);
            }
            Err(error) => parsed.diagnostics.push(error),
        }
    }
    parsed
}

fn entry(line: &Line<'_>) -> Result<(Entry, Option<Diagnostic>), Diagnostic> {
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
    if parts.digest == Some("") {
        let at = reference.start + reference.text.len() - 1;
        return Err(line.error(at, "there is no digest after the `@`".into()));
    }
    let warning = (parts.digest.is_some() && parts.tag.is_none()).then(|| {
        line.warning(name_end, "the destination gets no tag, as only a digest is given".into())
    });
    Ok((Entry::new(parts.name, parts.selection(), line.number), warning))
}

#[cfg(test)]
mod tests {
    use longshore_plugin_sdk::diagnostic::Severity;
    use longshore_plugin_sdk::list::{Confidence, Entry, Parsed};
    use longshore_plugin_sdk::testing::{digest, survives_mutations, tag};

    use super::{parse, probe};

    #[test]
    fn mutated_lists_never_panic() {
        let list = "# a remark\nredis:7.2\nquay.io:5000/app/server@sha256:\
                    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\nrancher/a\n";
        survives_mutations(&[list], probe, parse);
    }

    #[test]
    fn a_reference_is_an_entry() {
        for (text, source, selection) in [
            ("busybox", "busybox", tag("latest")),
            (" rancher/rancher:v2.9.1\t\r\n", "rancher/rancher", tag("v2.9.1")),
            ("h:5000/a", "h:5000/a", tag("latest")),
            ("h:5000/a:1", "h:5000/a", tag("1")),
            ("a:1@sha256:00", "a", digest("sha256:00", Some("1"))),
            ("UPPER/Case:1", "UPPER/Case", tag("1")),
        ] {
            let Parsed { entries, diagnostics } = parse("list", text);
            assert_eq!(entries, [Entry::new(source, selection, 1)], "{text:?}");
            assert_eq!(diagnostics, [], "{text:?}");
        }
    }

    #[test]
    fn a_digest_alone_warns_that_there_is_no_tag() {
        let Parsed { entries, diagnostics } = parse("list", "# c\nä/a@sha256:00");
        assert_eq!(entries, [Entry::new("ä/a", digest("sha256:00", None), 2)]);
        let [warning] = &diagnostics[..] else { panic!("expected one warning: {diagnostics:?}") };
        assert_eq!((warning.severity, warning.line, warning.column), (Severity::Warning, 2, 4));
    }

    #[test]
    fn malformed_lines_have_positions() {
        for (text, column) in [
            ("a b 1", 3),
            ("ä\tb", 3),
            ("a:", 2),
            ("a:@sha256:00", 2),
            ("a:1@", 4),
            (" :1", 2),
            ("@sha256:00", 1),
        ] {
            let Parsed { entries, diagnostics } = parse("list", text);
            assert_eq!(entries, [], "{text:?}");
            let [error] = &diagnostics[..] else { panic!("expected one error for {text:?}") };
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
            ("quay.io/a/b:1:\n  - c/d\n", Confidence::No),
            ("# c\n\u{20}nginx\nh:5000/a:1@sha256:0\n", Confidence::Certain),
            ("nginx\na b 1\n", Confidence::Maybe),
        ] {
            assert_eq!(probe("list", text), expected, "{text:?}");
        }
    }
}
