use super::{MAX_ATTRIBUTES, capabilities, parsed, plain, prepared, rendered, scopes, verdicts};
use crate::contract::{
    Attribute, Capabilities, Diagnostic, Entry, Parsed, Prepared, Scope, Selection, Severity,
    State, Verdict,
};
use crate::error::Failure;
use crate::escape::MAX_SHOWN;

fn reason<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    match result {
        Err(Failure::InvalidResult { reason }) => reason,
        other => panic!("no invalid result: {other:?}"),
    }
}

#[test]
fn destinations_are_refused_and_reasons_escaped() {
    let result = vec![
        Verdict::Destination("registry.example.com/a:1".to_owned()),
        Verdict::Skip("no\nway".to_owned()),
        Verdict::Refuse("\u{202e}evil".to_owned()),
    ];
    assert_eq!(
        verdicts(result, 3),
        Ok(vec![
            Verdict::Destination("registry.example.com/a:1".to_owned()),
            Verdict::Skip("no\\nway".to_owned()),
            Verdict::Refuse("\\u{202e}evil".to_owned()),
        ])
    );
    let result = vec![Verdict::Destination("a\tb".to_owned())];
    assert_eq!(reason(verdicts(result, 1)), "destination 1 holds a control character: `a\\tb`");
}

#[test]
fn scopes_come_one_list_per_repository() {
    let scope = |name: &str| Scope { kind: "project".to_owned(), name: name.to_owned() };
    let result = vec![vec![scope("a"), scope("b")], vec![]];
    assert_eq!(scopes(result.clone(), 2, 2), Ok(result.clone()));
    assert_eq!(reason(scopes(result, 3, 2)), "2 lists of scopes for 3 repositories");
    assert_eq!(
        reason(scopes(vec![vec![scope("a\r")]], 1, 2)),
        "the name of a scope holds a control character: `a\\r`"
    );
}

#[test]
fn a_repository_type_says_so_much_and_no_more() {
    let scope = || Scope { kind: "project".to_owned(), name: "a".to_owned() };
    for (counts, most, refused) in [
        (vec![2, 0, 2], 2, None),
        (vec![3], 2, Some("3 scopes of a repository, at most 2 are allowed")),
        (vec![0, 1, 17], 16, Some("17 scopes of a repository, at most 16 are allowed")),
    ] {
        let lists: Vec<Vec<Scope>> = counts.iter().map(|&count| vec![scope(); count]).collect();
        let answer = scopes(lists, counts.len(), most);
        let refusal = answer.err().map(|failure| failure.to_string());
        let expected = refused.map(|reason| format!("the plugin returned too much: {reason}"));
        assert_eq!(refusal, expected);
    }
    let attribute = Attribute { key: "k".to_owned(), value: "v".to_owned() };
    for (count, is_accepted) in [(0, true), (MAX_ATTRIBUTES, true), (MAX_ATTRIBUTES + 1, false)] {
        let described = Capabilities {
            max_depth: None,
            chunked_upload: true,
            cross_mount: true,
            referrers: true,
            attributes: vec![attribute.clone(); count],
        };
        assert_eq!(capabilities(described).is_ok(), is_accepted, "{count}");
    }
}

#[test]
fn attributes_of_registries_are_plain_and_messages_escaped() {
    let attribute = |value: &str| Attribute { key: "k".to_owned(), value: value.to_owned() };
    let result = Capabilities {
        max_depth: None,
        chunked_upload: true,
        cross_mount: true,
        referrers: true,
        attributes: vec![attribute("a\u{1b}")],
    };
    reason(capabilities(result));
    let result = Prepared {
        state: State::Ready,
        message: Some("a\u{1b}".to_owned()),
        attributes: vec![attribute("\n")],
    };
    let result = prepared(result).expect("escaped");
    assert_eq!(result.message.as_deref(), Some("a\\u{1b}"));
    assert_eq!(result.attributes[0].value, "\\n");
}

#[test]
fn references_are_bounded() {
    assert!(plain(&"a".repeat(MAX_SHOWN)).is_ok());
    assert!(plain(&"a".repeat(MAX_SHOWN + 1)).is_err());
}

fn entry(line: u32, source: &str) -> Entry {
    Entry {
        source: source.to_owned(),
        repositories: None,
        select: Selection::ByTag("1".to_owned()),
        destination: None,
        destination_tag: None,
        platforms: Vec::new(),
        line,
        attributes: Vec::new(),
    }
}

#[test]
fn what_stands_in_the_input_is_the_inputs_fault_and_anything_else_the_plugins() {
    let long = "ä".repeat(MAX_SHOWN);
    let text = format!("good\nä {long}\na\u{1}\n");
    let entries = vec![entry(1, "good"), entry(2, &long), entry(1, "a\u{1}")];
    let result = parsed(Parsed { entries, diagnostics: Vec::new() }, &text, 3).expect("usable");
    assert_eq!(result.entries, [entry(1, "good")]);
    let remark = |line, column, message: &str| Diagnostic {
        severity: Severity::Error,
        line,
        column,
        message: message.to_owned(),
    };
    assert_eq!(
        result.diagnostics,
        [
            remark(2, 3, "the source has 16384 bytes, at most 8192 are allowed"),
            remark(1, 0, "the source holds a control character: `a\\u{1}`"),
        ]
    );
    let made_up = Parsed { entries: vec![entry(1, "b\u{1}")], diagnostics: Vec::new() };
    assert_eq!(
        reason(parsed(made_up, &text, 1)),
        "the source of the entry at line 1 holds a control character: `b\\u{1}`"
    );
}

#[test]
fn an_escape_in_the_input_is_the_inputs_fault_too() {
    let text = "{\"a\\u001b\": 1}";
    let entries = vec![entry(1, "a\u{1b}"), entry(1, "a")];
    let result = parsed(Parsed { entries, diagnostics: Vec::new() }, text, 3).expect("usable");
    assert_eq!(result.entries, [entry(1, "a")], "one bad entry stops no other");
    assert_eq!(result.diagnostics[0].message, "the source holds a control character: `a\\u{1b}`");
}

#[test]
fn characters_that_reorder_text_or_separate_lines_are_control_characters() {
    for bad in
        ["\u{85}", "\u{9b}", "\u{7f}", "\u{202e}", "\u{2066}", "\u{2028}", "\u{2029}", "\u{200f}"]
    {
        let verdict = vec![Verdict::Destination(format!("r.io/a{bad}:1"))];
        assert!(reason(verdicts(verdict, 1)).contains("a control character"), "{bad:?}");
        let platforms = vec![format!("linux/{bad}")];
        let entries = vec![Entry { platforms, ..entry(1, "a") }];
        let result = parsed(Parsed { entries, diagnostics: Vec::new() }, bad, 1);
        reason(result);
    }
    assert_eq!(plain("größe → 日本"), Ok(()));
}

#[test]
fn a_rendered_list_has_lines_tabs_and_no_other_control_characters() {
    for text in ["a b 1\n\tä: 日本\n", "a\r\nb\r\n", ""] {
        assert_eq!(rendered(text.to_owned()).as_deref(), Ok(text));
    }
    for (bad, shown) in [
        ("a\n\u{1b}[2J", "line 2 holds the control character `\\u{1b}`"),
        ("a\rb", "line 1 holds the control character `\\r`"),
        ("a\n\nb\u{85}", "line 3 holds the control character `\\u{85}`"),
        ("\u{202e}", "line 1 holds the control character `\\u{202e}`"),
    ] {
        assert_eq!(reason(rendered(bad.to_owned())), shown);
    }
}
