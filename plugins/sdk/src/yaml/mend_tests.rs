//! Quoted scalars as other readers accept them, and documents after a broken one.

use crate::yaml::{Documents, Node, read};

/// Returns the only document.
fn only(text: &str) -> Node {
    let Documents { errors, .. } = read(text);
    assert_eq!(errors, [], "{text:?}");
    let roots = read(text).whole().to_vec();
    let [root] = &roots[..] else { panic!("{} documents in {text:?}", roots.len()) };
    Node::clone(root)
}

#[test]
fn quoted_scalars_may_go_on_at_the_indentation_of_their_key() {
    for (text, path, expected, line) in [
        ("a: \"one\ntwo\"\nz: 1\n", &["a"][..], "one two", 3),
        ("a: 'one\ntwo'\nz: 1\n", &["a"], "one two", 3),
        ("k:\n  a: 'one\n  two'\nz: 1\n", &["k", "a"], "one two", 4),
        ("k:\n  a: \"one\n  two\n  three\"\nz: 1\n", &["k", "a"], "one two three", 5),
        ("k:\n  a: \"one\ntwo\"\nz: 1\n", &["k", "a"], "one two", 4),
        ("a: \"one\n\n  two\n\nthree\"\nz: 1\n", &["a"], "one\ntwo\nthree", 6),
        ("a: \"one \\\"quoted\\\" \\\ntwo\n\"\nz: 1\n", &["a"], "one \"quoted\" two ", 4),
        ("a: 'it''s one\nit''s two'\nz: 1\n", &["a"], "it's one it's two", 3),
        ("a: 'one\n\ttwo'\nz: 1\n", &["a"], "one two", 3),
        ("k:\n  a: \"one\n\t\ttwo\"\nz: 1\n", &["k", "a"], "one two", 4),
        ("a: \"one\r\ntwo\"\r\nz: 1\r\n", &["a"], "one two", 3),
        ("a: \"ä\nö\"\nz: 1\n", &["a"], "ä ö", 3),
        ("a: &x !!str \"one\ntwo\"\nz: 1\n", &["a"], "one two", 3),
        ("a: # \"a remark\"\n  \"one\ntwo\"\nz: 1\n", &["a"], "one two", 4),
        ("a: \"one\nb: [c] # no comment\"\nz: 1\n", &["a"], "one b: [c] # no comment", 3),
    ] {
        let root = only(text);
        assert_eq!(root.path(path).and_then(Node::as_text), Some(expected), "{text:?}");
        assert_eq!(root.get("z").map(|node| node.place.line), Some(line), "{text:?}");
    }
}

#[test]
fn many_such_scalars_are_read_in_one_document() {
    let text = "list:\n- 'a\nb'\n- \"c\nd\"\nblock: |\n  x: 'y\n  z\nplain: it's\nlast: 'e\nf'\n";
    let root = only(text);
    let items: Vec<_> =
        root.get("list").unwrap().items().iter().map(|item| item.as_text()).collect();
    assert_eq!(items, [Some("a b"), Some("c d")]);
    assert_eq!(root.text_of("block"), Some("x: 'y\nz\n"));
    assert_eq!(root.text_of("plain"), Some("it's"));
    assert_eq!(root.text_of("last"), Some("e f"));
    // Time grows with the text, not with its square.
    let many = (0..5_000).map(|number| format!("k{number}: 'a\nb'\n")).collect::<String>();
    assert_eq!(only(&many).members().count(), 5_000);
}

#[test]
fn brackets_may_have_tabs_inside() {
    for (text, path, expected, line) in [
        ("a: {\n\t\"b\": \"c\"\n}\nz: 1\n", &["a", "b"][..], "c", 4),
        ("k:\n  a: {\n\t\tb: c,\n\t\td: 'e ]}'\n\t}\nz: 1\n", &["k", "a", "d"], "e ]}", 6),
        ("k:\n  a: [\n\tx,\n\t{b: [\ty\t]}\t]\t# c\nz: 1\n", &["z"], "1", 5),
        ("a: {b: \"x\\\"}\",\n\tc: d # ]\n\t}\nz: 1\n", &["a", "c"], "d", 4),
        ("a: {b: it's,\n\tc: d\n}\ne: {\n\tf: g\n}\nz: 1\n", &["e", "f"], "g", 7),
        ("a: {b: 'it''s',\r\n\tc: d\r\n}\r\nz: 1\r\n", &["a", "c"], "d", 4),
    ] {
        let root = only(text);
        assert_eq!(root.path(path).and_then(Node::as_text), Some(expected), "{text:?}");
        assert_eq!(root.get("z").map(|node| node.place.line), Some(line), "{text:?}");
    }
    // Time grows with the text, not with its square.
    let many = (0..5_000).map(|number| format!("k{number}: {{\n\ta: b\n}}\n")).collect::<String>();
    assert_eq!(only(&many).members().count(), 5_000);
    let broken = "a: {\n\tb: c\n---\nok: 1\n";
    assert_eq!(read(broken).whole().len(), 1, "{:?}", read(broken).errors);
    assert!(!read("a:\n\tb: c\n").complete, "a block has no tabs");
}

#[test]
fn joined_files_may_have_marks() {
    for text in [
        "a: 1\n---\n\u{feff}b: 2\n---\nz: 1\n",
        "\u{feff}a: 1\n---\n\u{feff}b: 'x\ny'\n---\nz: 1\n",
        "a: 1\n...\n\u{feff}---\nb: 2\n---\nz: 1\n",
        "a: 1\r\n---\r\n\u{feff}# c\r\nb: 2\r\n---\r\nz: 1\r\n",
    ] {
        let documents = read(text);
        assert_eq!(documents.errors, [], "{text:?}");
        let whole = documents.whole();
        for key in ["a", "b", "z"] {
            assert!(whole.iter().any(|root| root.get(key).is_some()), "{key} of {text:?}");
        }
    }
    // A mark inside a text is one of its characters.
    assert_eq!(only("a: \"x\u{feff}y\"\n").text_of("a"), Some("x\u{feff}y"));
}

#[test]
fn comments_may_follow_a_quote() {
    for text in ["a: \"x\"# c\nz: 1\n", "a: 'x'#c\nz: 1\n", "- 'x'# c\n- {z: 1}\n"] {
        only(text);
    }
    assert_eq!(only("a: 'x\ny'# c\nz: 1\n").text_of("a"), Some("x y"));
}

#[test]
fn a_scalar_that_never_ends_is_an_error_of_its_document() {
    for (text, line) in [
        ("a: \"one\ntwo\n---\nok: 1\n", 2),
        ("a: 'one\ntwo\n...\n---\nok: '1'\n", 2),
        ("a: \"one\n---\nok: \"1\"\n", 2),
        ("b: 'x\ny'\na: [1\n---\nok: 1\n", 3),
    ] {
        let documents = read(text);
        let lines: Vec<_> = documents.errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [line], "{text:?}: {:?}", documents.errors);
        assert!(documents.whole().iter().any(|root| root.text_of("ok").is_some()), "{text:?}");
    }
}

#[test]
fn documents_after_any_broken_one_are_read() {
    for broken in [
        "a: [1, 2",
        "a: {b: 1",
        "a: b: c",
        "a: 'x",
        "a: \"x",
        "a:\n\t- b",
        "- a\nb: 1",
        "a: *none",
        "a: @x",
        "a: `x`",
        "a: %x\n b: ]",
        "a: \"\\q\"",
        "a: |x\n  y",
        "? [a]\n: b",
        "{{ .x }}",
        "a: 1\n   b: 2",
        "a: \u{7}",
        "[a]]",
        "a: !<x",
        "a: &a &b c",
        "a: \"x\" y",
        "- - [",
    ] {
        let text = format!("first: 1\n---\n{broken}\n---\nok: 'x\ny'\n---\nlast: 1\n");
        let documents = read(&text);
        let whole = documents.whole();
        for key in ["first", "ok", "last"] {
            assert!(whole.iter().any(|root| root.get(key).is_some()), "{key} of {text:?}");
        }
        let [error] = &documents.errors[..] else { panic!("{:?}: {text:?}", documents.errors) };
        assert!((3..=6).contains(&error.line), "{error:?}: {text:?}");
    }
}

#[test]
fn files_as_other_tools_write_them_are_read() {
    for (text, path, expected) in [
        ("a:\n- x\n- y\nb: 1\n", &["b"][..], "1"),
        ("a:\tx\nb: 1\t# c\n", &["b"], "1"),
        ("a: [x,\ny\n]\nb: 1\n", &["b"], "1"),
        ("a: {b: x\n}\nc: 1\n", &["c"], "1"),
        ("a: >-\n  x\n  y\n\n\nb: 1\n", &["a"], "x y"),
        ("a: |2\n   x\n  y\nb: 1\n", &["a"], " x\ny\n"),
        ("a: |+\n  x\n\nb: 1\n", &["a"], "x\n\n"),
        ("a: x\n  y\n  z # c\nb: 1\n", &["a"], "x y z"),
        ("a: http://x/y:1#no\n", &["a"], "http://x/y:1#no"),
        ("\"a\": 'x'\n", &["a"], "x"),
        ("a: \"\\u0061\\x62\\n\"\n", &["a"], "ab\n"),
        ("%YAML 1.1\n---\na: x\n...\n", &["a"], "x"),
        ("--- # first\na: x\n", &["a"], "x"),
        ("--- {a: x}\n", &["a"], "x"),
        ("? a\n: x\n", &["a"], "x"),
        ("a: !ref x\n", &["a"], "x"),
        ("a: !!binary |\n  eA==\n", &["a"], "eA==\n"),
        ("{\"a\":\"x\",\"b\":[]}", &["a"], "x"),
        ("{\"a\": \"x\\/y\"}", &["a"], "x/y"),
        ("a: x\r\nb: |\r\n  y\r\n", &["b"], "y\n"),
        ("a: 0o7\nb: 1_000\n", &["b"], "1_000"),
        ("a: - x\n", &[], ""),
    ] {
        if path.is_empty() {
            assert!(!read(text).complete, "{text:?}");
            continue;
        }
        assert_eq!(only(text).path(path).and_then(Node::as_text), Some(expected), "{text:?}");
    }
}
