//! Trees and places, seen through what a listing says of them.

use longshore_plugin_sdk::diagnostic::Severity;
use longshore_plugin_sdk::list::{Entry, Parsed, Selection};

use super::Listing;
use crate::node::{Node, Value};
use crate::yaml::outline;

/// What the text gives where each document is a list of images.
fn listed(text: &str) -> Parsed {
    let (mut listing, roots) = Listing::read(text);
    for root in &roots {
        for item in root.items() {
            listing.image(item.at, item.text().unwrap_or_default());
        }
    }
    listing.finish()
}

fn remarks(parsed: &Parsed) -> Vec<(Severity, u32, u32, &str)> {
    let remark = |found: &longshore_plugin_sdk::diagnostic::Diagnostic| {
        (found.severity, found.line, found.column)
    };
    parsed
        .diagnostics
        .iter()
        .map(|found| {
            let (severity, line, column) = remark(found);
            (severity, line, column, found.message.as_str())
        })
        .collect()
}

fn tree(text: &str) -> Node<'_> {
    let (listing, mut roots) = Listing::read(text);
    assert_eq!(listing.finish().diagnostics, [], "{text}");
    roots.pop().expect("a document")
}

#[test]
fn references_become_entries_at_their_lines() {
    let digest = "sha256:00";
    let parsed = listed("- a\n- \"h:5000/b:1\"\n---\n\n- c@sha256:00\n- d:2@sha256:00\n");
    let pinned = |tag: Option<&str>| Selection::Digest {
        digest: digest.into(),
        tag: tag.map(str::to_owned),
    };
    assert_eq!(
        parsed.entries,
        [
            Entry::new("a", Selection::Tag("latest".into()), 1),
            Entry::new("h:5000/b", Selection::Tag("1".into()), 2),
            Entry::new("c", pinned(None), 5),
            Entry::new("d", pinned(Some("2")), 6),
        ]
    );
    let warning = "the destination gets no tag, as only a digest is given";
    assert_eq!(remarks(&parsed), [(Severity::Warning, 5, 3, warning)]);
}

#[test]
fn what_is_no_reference_is_an_error_at_its_place() {
    let parsed = listed("[ä, '',\n  '{{ .image }}', 'a b', https://a/b, 'a:', a@, a@md5:0]\n");
    let messages: Vec<_> = remarks(&parsed)
        .into_iter()
        .map(|(_, line, column, message)| (line, column, message))
        .collect();
    assert_eq!(
        messages,
        [
            (1, 2, "`ä` is no image reference"),
            (1, 5, "`` is no image reference"),
            (2, 3, "`{{ .image }}` is no image reference"),
            (2, 19, "`a b` is no image reference"),
            (2, 26, "`https://a/b` is no image reference"),
            (2, 39, "there is no tag after the colon"),
            (2, 45, "there is no digest after the `@`"),
            (2, 49, "`md5:0` is no digest"),
        ]
    );
    assert_eq!(parsed.entries, []);
}

#[test]
fn a_malformed_document_is_an_error_and_the_next_one_is_read() {
    let parsed = listed("- a\n---\n- [b\n---\n- c\n---\n- d\n\t- e\n");
    let lines: Vec<_> = parsed.entries.iter().map(|entry| (&*entry.source, entry.line)).collect();
    assert_eq!(lines, [("a", 1), ("c", 5)]);
    let places: Vec<_> =
        remarks(&parsed).into_iter().map(|(severity, line, ..)| (severity, line)).collect();
    assert_eq!(places, [(Severity::Error, 3), (Severity::Error, 7)], "{:?}", parsed.diagnostics);
    for found in &parsed.diagnostics {
        assert!(found.message.starts_with("the document is malformed: "), "{}", found.message);
    }
}

#[test]
fn json_is_read_with_its_escapes_and_tabs() {
    let text = "{\n\t\"a\\u002fb\": [1.10, null, true, \"\\ud83d\\ude00\\/\"],\"e\":{}}\n";
    let root = tree(text);
    let list = root.get("a/b").expect("the key").items();
    let texts: Vec<_> = list.iter().map(Node::text).collect();
    assert_eq!(texts, [Some("1.10"), None, Some("true"), Some("😀/")]);
    assert!(root.get("e").expect("a map").is_map());
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "base: &base {image: a, tag: 1}\nuse:\n  <<: *base\n  tag: 2\n\
                list: {<<: [{x: 1}, {x: 2, y: 3}]}\nagain: *base\n";
    let root = tree(text);
    assert_eq!(root.path(&["use", "image"]).and_then(Node::text), Some("a"));
    assert_eq!(root.path(&["use", "tag"]).and_then(Node::text), Some("2"));
    assert_eq!(root.path(&["list", "x"]).and_then(Node::text), Some("1"));
    assert_eq!(root.path(&["list", "y"]).and_then(Node::text), Some("3"));
    let again = root.get("again").expect("the alias");
    assert_eq!(&text[again.at..again.at + 5], "*base");
    assert!(matches!(again.value, Value::Map(_)));
}

#[test]
fn aliases_of_aliases_end() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{below}]\n");
    }
    let parsed = listed(&text);
    let [(Severity::Error, _, _, message)] = remarks(&parsed)[..] else {
        panic!("expected one error: {:?}", parsed.diagnostics)
    };
    assert!(message.contains("aliases make more than 200000 copies"), "{message}");
    let inside = listed("a: &a [*a]\n");
    assert!(inside.diagnostics[0].message.contains("inside of what it names"), "{inside:?}");
}

#[test]
fn a_key_that_is_there_twice_is_said_and_the_last_one_counts() {
    let (listing, roots) = Listing::read("a: 1\nb: 2\na: 3\n");
    assert_eq!(roots[0].text_of("a"), Some("3"));
    let parsed = listing.finish();
    let message = "the key `a` is there more than once, the last one counts";
    assert_eq!(remarks(&parsed), [(Severity::Warning, 1, 1, message)]);
}

#[test]
fn an_outline_is_what_there_is_before_the_end() {
    // The parser looks so far ahead of what it says, in case that is a key.
    let long = "x".repeat(130);
    let json = format!("{{\"a\": 1, \"b\": [{{\"c\": \"d\", \"e\": \"{long}\", \"f");
    for cut in [&json, "a: 1\nb:\n  - c: d\n    e: \"\n"] {
        let roots = outline(cut);
        let [root] = &roots[..] else { panic!("expected one document of {cut:?}") };
        assert_eq!(root.text_of("a"), Some("1"), "{cut:?}");
        let c = root.get("b").and_then(|list| list.items()[0].text_of("c"));
        assert_eq!(c, Some("d"), "{cut:?}");
    }
    assert_eq!(outline(""), []);
}
