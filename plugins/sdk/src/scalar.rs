//! Reads the scalars that people write where a format expects texts: numbers without quotes, and
//! items without a value.

use crate::diagnostic::Place;
use crate::list::Parsed;
use crate::yaml::{Node, Scalar, Value};

/// Adds a warning if the scalar is a number without quotes, such as `1.10`. The text is used as it
/// was written; a tool that reads a number may drop its zero.
pub fn warn_number(node: &Node, what: &str, parsed: &mut Parsed) {
    if let Value::Scalar(Scalar { text, plain: true }) = &node.value
        && is_number(text)
    {
        let message = format!("{what} is the number {text}, which is read as text: quote it");
        parsed.warn(node.place, message);
    }
}

/// Reports whether YAML reads an unquoted text as a number.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | '-' | '+'))
        && text.parse::<f64>().is_ok()
}

/// Returns the texts of a list, like [`Node::expect_texts`]. Leaves out items without a value, with
/// a warning each. Adds an error and returns `None` if only such items are in the list, because an
/// empty list selects more than they do.
pub fn texts<'a>(node: &'a Node, what: &str, parsed: &mut Parsed) -> Option<Vec<(Place, &'a str)>> {
    let texts = texts_with_value(node, what, parsed)?;
    if texts.is_empty() && !node.items().is_empty() {
        parsed.error(node.place, format!("{what} has only empty items, so nothing is selected"));
        return None;
    }
    Some(texts)
}

/// Like [`texts`], for lists that narrow nothing if they are empty.
pub fn texts_with_value<'a>(
    node: &'a Node,
    what: &str,
    parsed: &mut Parsed,
) -> Option<Vec<(Place, &'a str)>> {
    let Some(items) = node.as_sequence() else { return node.expect_texts(what, parsed) };
    let item_of = format!("an item of {what}");
    let (mut texts, mut is_whole) = (Vec::new(), true);
    for item in items {
        if is_blank(item) {
            parsed.warn(item.place, format!("{item_of} is empty, so it selects nothing"));
            continue;
        }
        match item.expect_text(&item_of, parsed) {
            Some(text) => texts.push((item.place, text)),
            None => is_whole = false,
        }
    }
    is_whole.then_some(texts)
}

/// Reports whether the value is null or an empty text.
fn is_blank(node: &Node) -> bool {
    matches!(node.value, Value::Null) || node.as_text() == Some("")
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::{texts, warn_number};
    use crate::list::Parsed;
    use crate::testing::remarks;
    use crate::yaml::read;

    #[test]
    fn empty_items_are_left_out_unless_nothing_is_left() {
        for (text, expected, said) in [
            (
                "[a, ~, b]",
                Some(&["a", "b"][..]),
                &["1:5 an item of `x` is empty, so it selects nothing"][..],
            ),
            ("[a, '']", Some(&["a"]), &["1:5 an item of `x` is empty, so it selects nothing"]),
            ("- a\n-\n", Some(&["a"]), &["2:2 an item of `x` is empty, so it selects nothing"]),
            ("[]", Some(&[]), &[]),
            ("a", Some(&["a"]), &[]),
            ("[a, [~]]", None, &["1:5! an item of `x` must be a string, found a list"]),
        ] {
            let mut parsed = Parsed::default();
            let root = read(text).roots.first().cloned().expect(text);
            let found = texts(&root, "`x`", &mut parsed)
                .map(|texts| texts.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{text}");
            assert_eq!(remarks(&parsed), said, "{text}");
        }
        let mut parsed = Parsed::default();
        assert_eq!(texts(&read("[~, '']").roots[0], "`x`", &mut parsed), None);
        assert_eq!(remarks(&parsed)[2], "1:1! `x` has only empty items, so nothing is selected");
    }

    #[test]
    fn numbers_without_quotes_are_named() {
        for (text, is_number) in [
            ("1.10", true),
            ("7", true),
            ("1e3", true),
            ("-1", true),
            ("'1.10'", false),
            ("1.10.0", false),
            ("v1", false),
            ("nan", false),
            ("latest", false),
        ] {
            let mut parsed = Parsed::default();
            warn_number(&read(text).roots[0], "a tag", &mut parsed);
            assert_eq!(!parsed.diagnostics.is_empty(), is_number, "{text}");
        }
    }
}
