//! Escapes untrusted text (of lists, registries and plugins) for terminals and logs.

use std::borrow::Cow;

pub(crate) use longshore_plugin_host::escape::{escape, is_unsafe, is_unsafe_text};

/// The indent of continuation lines in a log record.
const INDENT: &str = "    ";

/// Escapes text of several lines, and keeps its line breaks.
///
/// If a line could pass for the start of a log record, all lines but the first are indented. So no text can forge a
/// record, and the marks below a line of a file keep their column.
pub(crate) fn escape_lines(text: &str) -> Cow<'_, str> {
    if !is_unsafe_text(text) {
        return Cow::Borrowed(text);
    }
    let text = text.strip_suffix('\n').unwrap_or(text);
    let indent = if text.split('\n').skip(1).all(is_inside_document) { "" } else { INDENT };
    let mut shown = String::with_capacity(text.len() + 16);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            shown.push('\n');
            shown.push_str(indent);
        }
        // A tab cannot hide text.
        for (number, part) in line.strip_suffix('\r').unwrap_or(line).split('\t').enumerate() {
            if number > 0 {
                shown.push('\t');
            }
            shown.push_str(&escape(part));
        }
    }
    Cow::Owned(shown)
}

/// Says whether a line stands as in indented JSON, which Hangar's messages hold: it is indented and does not
/// start with a time, or it has brackets alone.
fn is_inside_document(line: &str) -> bool {
    match line.trim_start_matches([' ', '\t']) {
        indented if indented.len() < line.len() => {
            !indented.starts_with(|c: char| c.is_ascii_digit())
        }
        line => line.trim_end().chars().all(|c| matches!(c, '[' | ']' | '{' | '}' | ',')),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::escape_lines;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(escape_lines("größer → 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn line_breaks_stay_but_forge_no_record() {
        assert_eq!(escape_lines("spec: [\n  {}\n]\n"), "spec: [\n  {}\n]");
        assert_eq!(
            escape_lines("denied\r\n11:22:33 [INFO] all is well\u{1b}"),
            "denied\n    11:22:33 [INFO] all is well\\u{1b}",
        );
        assert_eq!(escape_lines("a\n 11:22:33 [INFO] b"), "a\n     11:22:33 [INFO] b");
        assert_eq!(escape_lines("a\n[INFO] b\n{} c"), "a\n    [INFO] b\n    {} c");
        assert_eq!(
            escape_lines("at line 1\n  |\n1 | a = b\n  |     ^"),
            "at line 1\n      |\n    1 | a = b\n      |     ^",
            "the mark stays below its word"
        );
        assert_eq!(escape_lines("a\u{2028}11:22:33\tb\rc"), "a\\u{2028}11:22:33\tb\\rc");
    }
}
