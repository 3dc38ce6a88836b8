//! Which format a text is in, what becomes of lines that are no text, and how lines are numbered.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Choice, choose, number_from, parse, refuse};
use longshore_engine::list::ListText;

use crate::list::ListError;
use crate::list::contract::Parsed;
use longshore_engine::list::{Diagnostic, Entry, Selection, Severity};
use longshore_plugin_host::{
    HostOptions, Kind, LogLevel, Plugin, PluginHost, PluginLog, PluginSetup,
};

struct NoLog;

impl PluginLog for NoLog {
    fn line(&self, _plugin: &str, _level: LogLevel, _message: &str) {}
}

/// The built-in formats `mirror` and `default`.
async fn formats() -> [Plugin; 2] {
    let options = HostOptions::new(SystemTime::UNIX_EPOCH);
    let host = PluginHost::new(options).unwrap();
    let setup = || PluginSetup {
        config: serde_json::Map::new(),
        grants: Vec::new(),
        origins: std::collections::HashMap::new(),
        transport: None,
        log: Arc::new(NoLog),
        dry_run: false,
    };
    let mirror = host.load(Kind::ListFormat, "mirror", setup()).await.unwrap();
    [mirror, host.load(Kind::ListFormat, "default", setup()).await.unwrap()]
}

fn text(text: &[u8]) -> ListText {
    ListText::new("l", text.to_vec())
}

/// Chooses a format by the whole text.
async fn choosing(list: &[u8], formats: &[Plugin]) -> Result<Choice, ListError> {
    let text = text(list);
    let mut failures = Vec::new();
    let choice = choose(&text, text.head(), formats, &mut failures).await;
    assert!(failures.is_empty(), "{failures:?}");
    choice
}

#[tokio::test]
async fn the_surest_format_is_taken() {
    let formats = formats().await;
    for (list, format) in [
        (&b"a b 1\n# c\nd e 2\n"[..], "mirror"),
        (b"a:1\nb@sha256:0\n", "default"),
        (b"a b 1\nbroken line\n", "mirror"),
        (b"# caf\xe9\na b 1\n", "mirror"),
    ] {
        let choice = choosing(list, &formats).await.unwrap();
        assert_eq!(choice.plugin.name(), format, "{}", list.escape_ascii());
    }
}

#[tokio::test]
async fn a_text_in_no_format_says_why() {
    let formats = formats().await;
    let refused = async |list: &[u8]| choosing(list, &formats).await.err().unwrap();
    assert!(matches!(refused(b"# a\n\n// b\n").await, ListError::Empty { line_hint: Some(_), .. }));
    let unknown = refused(b"images:\n  - one two three four\n").await;
    assert!(
        matches!(unknown, ListError::NoFormat { ref known, .. } if known.len() > 10),
        "{unknown}"
    );
    let binary = refused(b"{\n\x7fELF\xff\xfe\n").await;
    assert!(matches!(binary, ListError::NotText { line: 2, .. }), "{binary}");
}

#[tokio::test]
async fn a_named_format_reads_whatever_it_is_given() {
    let [mirror, _] = formats().await;
    let comments = parse(text(b"# a\n"), Choice::forced(mirror.clone())).await;
    assert!(matches!(comments, Err(ListError::Empty { line_hint: Some(_), .. })));
    let mut third = text(b"a b 1\nc\xff d 1\n");
    third.first_line = 3;
    let list = parse(third, Choice::forced(mirror)).await.unwrap().list;
    assert_eq!((&*list.format.name, list.entries.len(), list.entries[0].line), ("mirror", 1, 3));
    assert_eq!(list.diagnostics, [remark(Severity::Error, 4, 2, "it is not UTF-8 text")]);
}

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
        credentials: Vec::new(),
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
        credentials: Vec::new(),
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
