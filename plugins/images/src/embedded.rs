//! Texts that hold documents: the files and settings of a `ConfigMap` or `Secret`, JSON in variables,
//! and what is encoded in base64.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use longshore_plugin_sdk::yaml::{Key, Node, read_last};

use crate::finding::Found;
use crate::flags::{self, Source};
use crate::rule::Rule;
use crate::setting::{At, Setting};
use crate::text;

/// Walks a document in a text.
pub(crate) type Walk = fn(&Node, &mut Found);

/// The deepest nesting of texts in texts.
const DEPTH: usize = 4;

/// Adds the images of a `ConfigMap` or `Secret`.
pub(crate) fn object(object: &Node, found: &mut Found, walk: Walk) {
    let is_secret = object.text_of("kind") == Some("Secret");
    for field in ["data", "stringData", "binaryData"] {
        let Some(data) = object.get(field) else { continue };
        let is_encoded = field == "binaryData" || is_secret && field == "data";
        let mark = found.key(field);
        let texts: Vec<_> =
            data.members().filter_map(|(key, value)| entry(key, value, is_encoded)).collect();
        let (files, values): (Vec<_>, Vec<_>) = texts.iter().partition(|(key, _, text)| {
            is_document(text) || text.contains('\n') || is_file(&key.text)
        });
        let settings: Vec<_> = values
            .iter()
            .map(|(key, value, text)| Setting::of(&key.text, text, value.place, At::Key(&key.text)))
            .collect();
        let source = Source { place: "a text", trusted: false, rule: Rule::Entry };
        flags::find(&settings, source, found);
        for (key, value, text) in files {
            let mark = found.key(&key.text);
            inside(value, text, &key.text, found, walk);
            found.back(mark);
        }
        found.back(mark);
    }
}

/// Reports whether a name is that of a file with a document, which may have one line.
fn is_file(name: &str) -> bool {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    ["yaml", "yml", "json"].iter().any(|known| end.eq_ignore_ascii_case(known))
}

/// Returns the text of an entry, decoded if it is encoded. What is not text has no images.
fn entry<'n>(
    key: &'n Key,
    value: &'n Node,
    is_encoded: bool,
) -> Option<(&'n Key, &'n Node, Cow<'n, str>)> {
    let text = value.as_text()?;
    if !is_encoded {
        return Some((key, value, Cow::Borrowed(text)));
    }
    let packed: String = text.split_whitespace().collect();
    let decoded = String::from_utf8(STANDARD.decode(packed).ok()?).ok()?;
    Some((key, value, Cow::Owned(decoded)))
}

/// Reports whether a text may be one object or list in JSON.
pub(crate) fn is_document(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && text.ends_with('}') || text.starts_with('[') && text.ends_with(']')
}

/// Adds the images of a text in a document: the fields of YAML and JSON, and else its lines.
pub(crate) fn inside(node: &Node, text: &str, key: &str, found: &mut Found, walk: Walk) {
    if found.depth() == DEPTH || !text::may_hold(text, key) {
        return;
    }
    let mark = found.text(node.place);
    if !documents(text, found, walk) {
        for part in text::json(text) {
            documents(part, found, walk);
        }
        text::find(text, node.place, key, found);
    }
    found.back(mark);
}

/// Walks the documents of a text. Returns whether all of it is documents. A list of words is none.
fn documents(text: &str, found: &mut Found, walk: Walk) -> bool {
    let documents = read_last(text);
    let is_collection = |root: &Node| {
        root.as_mapping().is_some() || root.items().iter().any(|item| item.as_text().is_none())
    };
    let mut is_whole = documents.complete;
    for root in documents.whole() {
        if is_collection(root) {
            walk(root, found);
        } else {
            is_whole = false;
        }
    }
    is_whole && !documents.whole().is_empty()
}
