//! Positions, aliases, and malformed input.

use crate::diagnostic::Place;
use crate::list::Parsed;
use crate::yaml::{Documents, Node, Value, read, read_last};

fn only(text: &str) -> Node {
    let Documents { roots, errors, complete, .. } = read(text);
    assert_eq!(errors, [], "{text:?}");
    assert!(complete, "{text:?}");
    let [root] = &roots[..] else { panic!("{} documents in {text:?}", roots.len()) };
    Node::clone(root)
}

/// Returns line, column and message of the only error.
fn error(text: &str) -> (u32, u32, String) {
    let Documents { errors, .. } = read(text);
    let [error] = &errors[..] else { panic!("{errors:?} for {text:?}") };
    (error.line, error.column, error.message.clone())
}

#[test]
fn every_node_has_its_position() {
    let root = only("\u{feff}a: 1\nb:\n  - 'x'\n  - {c: ~}\n");
    let mapping = root.as_mapping().unwrap();
    let (key, a) = mapping.entry("a").unwrap();
    assert_eq!(key.place, Place { line: 1, column: 1 });
    assert_eq!((a.place, a.as_text()), (Place { line: 1, column: 4 }, Some("1")));
    let items = mapping.get("b").unwrap().as_sequence().unwrap();
    assert_eq!(items[0].place, Place { line: 3, column: 5 });
    let nested = items[1].as_mapping().unwrap();
    assert!(matches!(nested.get("c").unwrap().value, Value::Null));
}

#[test]
fn json_is_yaml_too() {
    let root = only("{\n\t\"a\": {\"b:1\": [\"x\", \"y\"]},\n\t\"c\": true\n}\n");
    let mapping = root.as_mapping().unwrap();
    assert_eq!(mapping.get("c").unwrap().as_bool(), Some(true));
    let inner = mapping.get("a").unwrap().as_mapping().unwrap();
    assert_eq!(inner.get("b:1").unwrap().as_sequence().unwrap().len(), 2);
}

#[test]
fn a_stream_of_json_is_several_documents() {
    for (text, places) in [
        ("{\"a\":1}\n{\"a\":2}\n", vec![(1, 6), (2, 6)]),
        ("{\n \"a\": 1\n}\n{\n \"a\": 2\n}", vec![(2, 7), (5, 7)]),
        ("{\"a\":1} {\"a\":2}{\"a\":3}\r\n\r\n{\"a\":4}", vec![(1, 6), (1, 14), (1, 21), (3, 6)]),
        (
            "{\"a\":1}\n---\n{\"a\":2}\n  {\"a\":3}\n---\na: 4\n",
            vec![(1, 6), (3, 6), (4, 8), (6, 4)],
        ),
        ("# c\n{\"a\":1} # c\n# c\n{\"a\":2}", vec![(2, 6)]),
    ] {
        let Documents { roots, errors, complete, .. } = read(text);
        let found: Vec<_> = roots
            .iter()
            .map(|root| root.as_mapping().unwrap().get("a").unwrap().place)
            .map(|place| (place.line, place.column))
            .collect();
        assert_eq!(found, places, "{text:?}");
        assert_eq!((errors.is_empty(), complete), (!text.contains('#'), !text.contains('#')));
    }
    // What is broken later in the stream has its own line.
    assert_eq!(error("{\"a\":1}\n{\"a\":2,\n\"a\":3}\n").0, 3);
    assert_eq!(error("{\"a\":1}\n{\"a\":2}\n{\"a\":[}\n").0, 3);
    assert!(!read("a: {b: 1}\n{c: 2}\n").complete, "YAML itself has no such streams");
}

#[test]
fn quotes_make_text_of_words() {
    let root = only("[true, 'true', null, 'null', !!str null, 1.0]");
    let items = root.as_sequence().unwrap();
    let texts: Vec<_> = items.iter().map(|item| item.as_text()).collect();
    assert_eq!(texts, [Some("true"), Some("true"), None, Some("null"), Some("null"), Some("1.0")]);
    assert_eq!(items[0].as_bool(), Some(true));
    assert_eq!(items[1].as_bool(), None);
}

#[test]
fn aliases_and_merges_are_followed() {
    let root = only("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  a: 3\nz:\n  <<: [{a: 4}, *x]\n");
    let mapping = root.as_mapping().unwrap();
    let of = |key: &str, inner: &str| {
        let found = mapping.get(key).unwrap().as_mapping().unwrap().get(inner).unwrap();
        found.as_text().unwrap().to_owned()
    };
    assert_eq!((of("y", "a"), of("y", "b")), ("3".to_owned(), "2".to_owned()));
    assert_eq!((of("z", "a"), of("z", "b")), ("4".to_owned(), "2".to_owned()));
}

#[test]
fn broken_documents_have_a_position_and_keep_their_beginning() {
    let text = "a: 1\nb:\n  - x\n\t- y\n";
    let documents = read(text);
    assert!(!documents.complete && documents.whole().is_empty());
    let roots = &documents.roots;
    assert_eq!(roots[0].as_mapping().unwrap().get("a").unwrap().as_text(), Some("1"));
    assert_eq!(error(text).0, 3);
    for (text, line) in [("a: [1,\n", 1), ("a: 'x\n\n", 2), ("a: b: c\n", 1), ("[a]: 1\n", 1)] {
        assert_eq!(error(text).0, line, "{text:?}: {:?}", error(text));
    }
    assert_eq!(
        error("a: 1\nb: 2\na: 3\n"),
        (3, 1, "duplicate key `a`, first at line 1".to_owned())
    );
}

#[test]
fn one_of_duplicate_keys_counts() {
    let of = |documents: &Documents| -> Vec<String> {
        let [root] = documents.whole() else { panic!("{documents:?}") };
        let pairs = root.as_mapping().expect("a mapping").iter();
        pairs.map(|(key, node)| format!("{}={}", key.text, node.as_text().unwrap())).collect()
    };
    for (text, first, last) in [
        ("a: 1\nb: 2\na: 3\n", ["a=1", "b=2"], ["b=2", "a=3"]),
        ("{\"a\": 1, \"a\": 2, \"a\": 3, \"b\": 4}", ["a=1", "b=4"], ["a=3", "b=4"]),
        // A merged key never replaces a key of the mapping.
        ("<<: {a: 0, b: 1}\na: 1\na: 2\n", ["a=1", "b=1"], ["a=2", "b=1"]),
    ] {
        assert_eq!(of(&read(text)), first, "{text}");
        assert_eq!(of(&read_last(text)), last, "{text}");
        assert_eq!(read(text).errors, read_last(text).errors, "{text}");
    }
}

#[test]
fn documents_are_told_apart() {
    let Documents { roots, errors, complete, .. } = read("a: 1\n---\n- b\n---\n");
    assert!(complete && errors.is_empty());
    assert_eq!(
        roots.iter().map(|root| root.kind()).collect::<Vec<_>>(),
        ["a mapping", "a list", "nothing"]
    );
    assert_eq!(read("a: 1\n---\nb: [1\n").whole().len(), 1);
    assert_eq!(read("").roots.len(), 0);
    assert_eq!(read("# only\n").roots.len(), 0);
}

#[test]
fn a_broken_document_does_not_affect_the_next_one() {
    let documents = read("a: 1\nb: [\n---\nc: &x 2\n---\nd: *x\n---\ne: 3\n");
    assert!(!documents.complete);
    let whole = documents.whole();
    let has = |key: &str| whole.iter().any(|root| root.get(key).is_some());
    assert!(has("c") && has("e") && !has("d") && !has("a"), "{whole:?}");
    let lines: Vec<_> = documents.errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [2, 6], "{:?}", documents.errors);
}

#[test]
fn null_counts_as_missing() {
    let root = only("a: {b: [x], c: ~}\n");
    assert_eq!(root.path(&["a", "b"]).map(|list| list.items().len()), Some(1));
    assert!(root.path(&["a", "c"]).is_none() && root.path(&["a", "d"]).is_none());
    assert_eq!(root.get("a").map(|map| map.members().count()), Some(2));
    let (key, _) = root.member("a").unwrap();
    assert_eq!(key.place, Place { line: 1, column: 1 });
    assert_eq!(crate::yaml::outline("---\n---\na: 1\n").len(), 1);
    let cut = format!("{{\"a\": 1, \"b\": \"{}\", \"c", "x".repeat(130));
    let roots = crate::yaml::outline(&cut);
    assert_eq!(roots.iter().find_map(|root| root.text_of("a")), Some("1"));
}

#[test]
fn aliases_cannot_exhaust_memory() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let (line, _, message) = error(&laughs);
    assert!(line < 12 && message.contains("expands to"), "{line}: {message}");
    assert!(error("a: &a [*a]\n").2.contains("inside the node that it names"));
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..20 {
        let before = level - 1;
        deep.push_str(&format!(
            "a{level}: &a{level} {}*a{before}{}\n",
            "[".repeat(30),
            "]".repeat(30)
        ));
    }
    assert!(error(&deep).2.contains("levels"));
    assert!(!read(&"[".repeat(100_000)).complete);
}

#[test]
fn values_of_the_wrong_type_are_errors_at_their_position() {
    let root = only("a: [1, [2], '']\nb: x\nc:\n");
    let mapping = root.as_mapping().unwrap();
    let mut parsed = Parsed::default();
    let texts = mapping.get("a").unwrap().expect_texts("`a`", &mut parsed);
    assert_eq!(texts, None, "the invalid item may have narrowed the selection");
    let texts = mapping.get("b").unwrap().expect_texts("`b`", &mut parsed);
    assert_eq!(texts, Some(vec![(Place { line: 2, column: 4 }, "x")]));
    assert_eq!(mapping.get("c").unwrap().expect_texts("`c`", &mut parsed), Some(vec![]));
    assert!(mapping.get("b").unwrap().expect_mapping("`b`", &mut parsed).is_none());
    let messages: Vec<_> = parsed
        .diagnostics
        .iter()
        .map(|found| (found.line, found.column, found.message.as_str()))
        .collect();
    assert_eq!(
        messages,
        [
            (1, 8, "an item of `a` must be a string, found a list"),
            (1, 13, "an item of `a` must be a string, found an empty string"),
            (2, 4, "`b` must be a mapping, found a single value"),
        ]
    );
}

#[test]
fn a_second_document_is_an_error_if_only_one_is_allowed() {
    let of = |text: &str| {
        let (parsed, root) = Parsed::of_one_yaml(text);
        let lines: Vec<u32> = parsed.diagnostics.iter().map(|found| found.line).collect();
        (root.is_some(), lines)
    };
    assert_eq!(of("a: 1\n"), (true, vec![]));
    assert_eq!(of("a: 1\n---\nb: 2\n---\nc: 3\n"), (true, vec![3]));
    assert_eq!(of(""), (false, vec![]));
    assert_eq!(of("a: [1\n"), (false, vec![1]));
}
