//! What becomes of lines that are no text, and how lines are numbered.

use super::{number_from, refuse};
use crate::plugin::contract::{Diagnostic, Entry, Parsed, Selection, Severity};

fn entry(line: u32) -> Entry {
    Entry {
        source: "team/app".to_owned(),
        repositories: None,
        select: Selection::ByTag("1".to_owned()),
        destination: None,
        destination_tag: None,
        platforms: Vec::new(),
        line,
        attributes: Vec::new(),
    }
}

fn remark(severity: Severity, line: u32, column: u32, message: &str) -> Diagnostic {
    Diagnostic { severity, line, column, message: message.to_owned() }
}

#[test]
fn a_line_that_is_no_text_is_an_error_at_its_column_and_a_comment_is_none() {
    let mut parsed = Parsed {
        entries: vec![entry(1), entry(2), entry(5)],
        diagnostics: vec![
            remark(Severity::Warning, 2, 1, "odd"),
            remark(Severity::Error, 3, 1, "expected 3 columns"),
            remark(Severity::Error, 6, 1, "expected 3 columns"),
        ],
    };
    // Line 4 is a comment: it gave neither an entry nor an error.
    refuse(&mut parsed, &[(2, 7), (3, 9), (4, 2)]);
    assert_eq!(parsed.entries, [entry(1), entry(5)]);
    assert_eq!(
        parsed.diagnostics,
        [
            remark(Severity::Error, 6, 1, "expected 3 columns"),
            remark(Severity::Error, 2, 7, "it is not UTF-8 text"),
            remark(Severity::Error, 3, 9, "it is not UTF-8 text"),
        ]
    );
}

#[test]
fn a_later_part_of_a_conversation_has_its_own_numbers() {
    let mut parsed = Parsed {
        entries: vec![entry(1)],
        diagnostics: vec![
            remark(Severity::Error, 0, 0, "all of it"),
            remark(Severity::Error, 2, 3, "x"),
        ],
    };
    number_from(&mut parsed, 7);
    assert_eq!(parsed.entries[0].line, 7);
    let lines: Vec<u32> = parsed.diagnostics.iter().map(|found| found.line).collect();
    assert_eq!(lines, [0, 8]);
}
