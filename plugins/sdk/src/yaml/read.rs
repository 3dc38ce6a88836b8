//! Reads text into nodes.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::mend::mended;
use super::{Key, Mapping, Node, Scalar, Value};
use crate::diagnostic::{Diagnostic, Place};

/// A byte-order mark.
const BOM: char = '\u{feff}';
/// Maximum depth of a document. Code that walks a tree is recursive.
const MAX_DEPTH: u16 = 256;
/// Maximum number of nodes in a document with all aliases expanded.
const MAX_WEIGHT: u32 = 4_000_000;

/// The documents of a text.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// All documents. Those with syntax errors are cut off there and come last.
    pub roots: Vec<Rc<Node>>,
    /// Syntax errors and duplicate keys.
    pub errors: Vec<Diagnostic>,
    /// Whether every document is complete.
    pub complete: bool,
    /// Number of complete documents.
    whole: usize,
}

impl Documents {
    /// Returns the complete documents. A document that is cut off is only good for a probe: its
    /// missing part may have narrowed the selection.
    #[must_use]
    pub fn whole(&self) -> &[Rc<Node>] {
        self.roots.get(..self.whole).unwrap_or(&self.roots)
    }
}

/// Reads all documents of a text. Keeps a broken document up to the syntax error, and continues
/// with the next document.
#[must_use]
pub fn read(text: &str) -> Documents {
    read_within(text, granit_parser::Options::default().simple_key_max_lookahead)
}

/// Like [`read`], but the last of duplicate keys counts and not the first, as in Helm and Kubernetes.
#[must_use]
pub fn read_last(text: &str) -> Documents {
    read_keeping(Kept::Last, text, granit_parser::Options::default().simple_key_max_lookahead)
}

/// Like [`read`], with a limit on the length of a key. The parser reports nothing for that many
/// characters before a syntax error.
pub(super) fn read_within(text: &str, simple_key_max_lookahead: usize) -> Documents {
    read_keeping(Kept::First, text, simple_key_max_lookahead)
}

/// Which of duplicate keys counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kept {
    #[default]
    First,
    Last,
}

fn read_keeping(kept: Kept, text: &str, simple_key_max_lookahead: usize) -> Documents {
    let read_strictly = |text: &str| read_strictly(kept, text, simple_key_max_lookahead);
    let text = text.strip_prefix(BOM).unwrap_or(text);
    let documents = read_strictly(text);
    if documents.complete {
        return documents;
    }
    let unmarked = without_marks(text);
    let documents = match &unmarked {
        Some(text) => read_strictly(text),
        None => documents,
    };
    if documents.complete {
        return documents;
    }
    match mended(unmarked.as_deref().unwrap_or(text)) {
        Some(mended) => read_strictly(&mended),
        None => documents,
    }
}

/// Returns the text without byte-order marks at the start of lines, or `None` if it has none. Files that
/// were joined have them, and the readers of Go skip them.
fn without_marks(text: &str) -> Option<String> {
    let marked = format!("\n{BOM}");
    text.contains(&marked).then(|| text.replace(&marked, "\n"))
}

fn read_strictly(kept: Kept, text: &str, simple_key_max_lookahead: usize) -> Documents {
    let parser = |text| {
        let options = granit_parser::options! { emit_comments: false, simple_key_max_lookahead: simple_key_max_lookahead };
        Parser::new_from_str_with_options(text, options)
    };
    let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX).max(1);
    let mut builder = Builder { lines, kept, ..Builder::default() };
    let (mut rest, mut parser_of_rest) = (text, parser(text));
    builder.documents.complete = true;
    while let Some(event) = parser_of_rest.next_event() {
        let broken = match event {
            Ok((event, span)) => builder.take(event, span).err(),
            Err(error) if let Some(at) = builder.next_value(rest, error.marker()) => {
                let Place { line, column } = builder.place(error.marker());
                builder.skipped = (line.saturating_sub(1), column.saturating_sub(1));
                rest = &rest[at..];
                parser_of_rest = parser(rest);
                continue;
            }
            Err(error) => Some(Diagnostic::error(
                builder.place(error.marker()),
                format!("this is not valid YAML or JSON: {}", fragment(&error.info())),
            )),
        };
        if let Some(broken) = broken {
            builder.documents.complete = false;
            builder.documents.errors.push(broken);
            builder.cut_off();
            if !matches!(parser_of_rest.proceed_next_document(), Ok(true)) {
                break;
            }
        }
    }
    builder.documents.whole = builder.documents.roots.len();
    builder.documents.roots.append(&mut builder.cut);
    builder.documents
}

/// Returns the parser's message as one lower-case line.
fn fragment(message: &str) -> String {
    let mut characters = message.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A collection that is not closed yet.
struct Open {
    place: Place,
    anchor: usize,
    of: Collection,
}

enum Collection {
    Sequence(Vec<Rc<Node>>),
    Mapping {
        mapping: Mapping,
        key: Option<Key>,
        merged: Vec<Rc<Node>>,
        places: HashMap<String, u32>,
    },
}

#[derive(Default)]
struct Builder {
    kept: Kept,
    documents: Documents,
    /// The documents that were cut off.
    cut: Vec<Rc<Node>>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    /// Number of lines in the text. An error at the end belongs to the last line.
    lines: u32,
    /// Lines above the text of the parser, and columns before its first line.
    skipped: (u32, u32),
}

impl Builder {
    fn place(&self, marker: &Marker) -> Place {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX).max(1);
        let mut column = u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1);
        if line == 1 {
            column = column.saturating_add(self.skipped.1);
        }
        let line = line.saturating_add(self.skipped.0);
        if line > self.lines {
            return Place { line: self.lines, column: 0 };
        }
        Place { line, column }
    }

    /// Returns where the next value of a stream of JSON begins, if that is why the parser stopped. YAML wants
    /// `---` there, and `kubectl` reads such streams, as `jq` and several calls of `kubectl get` write them.
    fn next_value(&self, text: &str, marker: &Marker) -> Option<usize> {
        let at = text.floor_char_boundary(marker.byte_offset()?);
        let is_next = text[at..].starts_with('{') && text[..at].trim_end().ends_with('}');
        (is_next && self.open.is_empty()).then_some(at)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        let place = self.place(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), place);
                self.value(node, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { place, anchor, of: Collection::Sequence(Vec::new()) });
                self.check_depth(place)
            }
            Event::MappingStart(_, anchor, _) => {
                let of = Collection::Mapping {
                    mapping: Mapping::default(),
                    key: None,
                    merged: Vec::new(),
                    places: HashMap::new(),
                };
                self.open.push(Open { place, anchor, of });
                self.check_depth(place)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(closed) => self.close(closed),
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.add(Rc::clone(node), place),
                None => Err(Diagnostic::error(place, "an alias is inside the node that it names")),
            },
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check_depth(&self, place: Place) -> Result<(), Diagnostic> {
        if self.open.len() > usize::from(MAX_DEPTH) {
            return Err(Diagnostic::error(place, format!("more than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    /// Adds a finished node to its parent and stores it under its anchor.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        let place = node.place;
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.add(node, place)
    }

    fn add(&mut self, node: Rc<Node>, place: Place) -> Result<(), Diagnostic> {
        let Some(open) = self.open.last_mut() else {
            self.documents.roots.push(node);
            return Ok(());
        };
        match &mut open.of {
            Collection::Sequence(items) => items.push(node),
            Collection::Mapping { mapping, key, merged, places } => match key.take() {
                None => {
                    let (text, plain) = match &node.value {
                        Value::Scalar(scalar) => (scalar.text.clone(), scalar.plain),
                        Value::Null => ("null".to_owned(), true),
                        _ => {
                            let message = format!("a key must be a string, found {}", node.kind());
                            return Err(Diagnostic::error(place, message));
                        }
                    };
                    *key = Some(Key { place, text, plain });
                }
                Some(key) if key.text == "<<" => merged.push(node),
                Some(key) => match places.get(&key.text) {
                    Some(line) => {
                        let message = format!("duplicate key `{}`, first at line {line}", key.text);
                        self.documents.errors.push(Diagnostic::error(key.place, message));
                        if self.kept == Kept::Last {
                            mapping.entries.push((key, node));
                        }
                    }
                    None => {
                        places.insert(key.text.clone(), key.place.line);
                        mapping.entries.push((key, node));
                    }
                },
            },
        }
        Ok(())
    }

    fn close(&mut self, closed: Open) -> Result<(), Diagnostic> {
        let Open { place, anchor, of } = closed;
        let value = match of {
            Collection::Sequence(items) => Value::Sequence(items),
            Collection::Mapping { mut mapping, merged, places, .. } => {
                if mapping.entries.len() > places.len() {
                    keep_last(&mut mapping);
                }
                merge(&mut mapping, &merged, places);
                Value::Mapping(mapping)
            }
        };
        let node = collection(value, place);
        if node.depth > MAX_DEPTH {
            return Err(Diagnostic::error(place, format!("more than {MAX_DEPTH} levels")));
        }
        if node.weight > MAX_WEIGHT {
            let message = format!("it expands to more than {MAX_WEIGHT} values");
            return Err(Diagnostic::error(place, message));
        }
        self.value(node, anchor)
    }

    /// Closes the open collections at a syntax error.
    fn cut_off(&mut self) {
        let whole = self.documents.roots.len();
        while let Some(closed) = self.open.pop() {
            if self.close(closed).is_err() {
                // The document has nothing to keep.
                self.open.clear();
            }
        }
        self.cut.extend(self.documents.roots.drain(whole..));
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Node {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
    let plain = style == ScalarStyle::Plain && !is_text;
    let value = if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        Value::Null
    } else {
        Value::Scalar(Scalar { text: text.to_owned(), plain })
    };
    Node { place, value, depth: 1, weight: 1 }
}

fn collection(value: Value, place: Place) -> Node {
    let (mut depth, mut weight) = (0, 1_u32);
    let mut count = |node: &Node| {
        depth = depth.max(node.depth);
        weight = weight.saturating_add(node.weight);
    };
    match &value {
        Value::Sequence(items) => items.iter().for_each(|item| count(item)),
        Value::Mapping(mapping) => mapping.iter().for_each(|(_, node)| count(node)),
        Value::Null | Value::Scalar(_) => {}
    }
    Node { place, value, depth: depth.saturating_add(1), weight }
}

/// Removes each pair whose key comes again.
fn keep_last(mapping: &mut Mapping) {
    let keys = mapping.entries.iter().enumerate();
    let last: HashMap<String, usize> = keys.map(|(at, (key, _))| (key.text.clone(), at)).collect();
    let mut at = 0;
    mapping.entries.retain(|(key, _)| {
        at += 1;
        last.get(&key.text) == Some(&(at - 1))
    });
}

/// Adds the keys of the mappings that `<<` names, unless they exist. The first mapping wins.
fn merge(mapping: &mut Mapping, merged: &[Rc<Node>], mut places: HashMap<String, u32>) {
    let sources = merged.iter().flat_map(|node| match &node.value {
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    });
    for source in sources {
        let Value::Mapping(source) = &source.value else { continue };
        for (key, node) in &source.entries {
            if !places.contains_key(&key.text) {
                places.insert(key.text.clone(), key.place.line);
                mapping.entries.push((key.clone(), Rc::clone(node)));
            }
        }
    }
}
