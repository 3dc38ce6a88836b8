//! Trees from the events of the YAML parser.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle};

use crate::node::{Member, Node, Value};

/// How many nodes aliases may add to a document: one that names itself over and over would make more
/// of them than any machine holds.
const MAX_COPIES: usize = 200_000;

/// Something to be said about a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Where, in bytes.
    pub(crate) at: usize,
    /// What, as one lower-case fragment.
    pub(crate) message: String,
}

/// What a document gave.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    /// Its tree; what there was of it where it is malformed, nothing where it is empty.
    pub(crate) root: Option<Node<'a>>,
    /// What is odd in it.
    pub(crate) oddities: Vec<Remark>,
    /// Why it is malformed, if it is.
    pub(crate) malformed: Option<Remark>,
}

/// What the beginning of a text shows: the trees of its documents, the last one as far as it goes.
#[must_use]
pub fn outline(head: &str) -> Vec<Node<'_>> {
    let mut options = Options::default();
    // How far the parser looks ahead for the end of a key, and so what is lost before a break.
    options.simple_key_max_lookahead = 128;
    read(head, options).into_iter().filter_map(|document| document.root).collect()
}

/// Reads all documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Document<'_>> {
    read(text, Options::default())
}

fn read(text: &str, mut options: Options) -> Vec<Document<'_>> {
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder::default();
    let mut found = Vec::new();
    loop {
        let malformed = match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => return found,
            Some(Ok((Event::DocumentEnd, _))) => {
                found.push(std::mem::take(&mut builder).finish(None));
                continue;
            }
            Some(Ok((event, span))) => match builder.take(event, offset(text, span.start)) {
                Ok(()) => continue,
                Err(remark) => remark,
            },
            Some(Err(error)) => Remark { at: offset(text, *error.marker()), message: error.info() },
        };
        found.push(std::mem::take(&mut builder).finish(Some(malformed)));
        if !matches!(parser.proceed_next_document(), Ok(true)) {
            return found;
        }
    }
}

fn offset(text: &str, marker: Marker) -> usize {
    let counted = || text.char_indices().nth(marker.index()).map_or(text.len(), |(at, _)| at);
    marker.byte_offset().unwrap_or_else(counted)
}

/// Builds one document.
#[derive(Default)]
struct Builder<'a> {
    root: Option<Node<'a>>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, (Node<'a>, usize)>,
    copies: usize,
    oddities: Vec<Remark>,
}

/// A list or a map that has not ended.
struct Open<'a> {
    at: usize,
    anchor: usize,
    content: Content<'a>,
}

enum Content<'a> {
    List(Vec<Node<'a>>),
    /// The members, and a key whose value has not come.
    Map(Vec<Member<'a>>, Option<Node<'a>>),
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, at: usize) -> Result<(), Remark> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                let node = Node { at, value: Value::Scalar { text, quoted } };
                self.close(node, anchor);
            }
            Event::Alias(anchor) => {
                let node = self.copy(anchor, at)?;
                self.close(node, 0);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open.push(Open { at, anchor, content: Content::List(Vec::new()) });
            }
            Event::MappingStart(_, anchor, _) => {
                self.open.push(Open { at, anchor, content: Content::Map(Vec::new(), None) });
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => {}
        }
        Ok(())
    }

    /// What an alias stands for.
    fn copy(&mut self, anchor: usize, at: usize) -> Result<Node<'a>, Remark> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            return Err(Remark { at, message: "the alias stands inside of what it names".into() });
        };
        self.copies += size;
        if self.copies > MAX_COPIES {
            let message = format!("aliases make more than {MAX_COPIES} copies of nodes");
            return Err(Remark { at, message });
        }
        Ok(Node { at, value: node.value.clone() })
    }

    /// Ends the innermost list or map.
    fn end(&mut self) {
        let Some(Open { at, anchor, content }) = self.open.pop() else { return };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map(members, _) => Value::Map(self.merged(members)),
        };
        self.close(Node { at, value }, anchor);
    }

    /// Puts a whole node where it belongs.
    fn close(&mut self, node: Node<'a>, anchor: usize) {
        if anchor != 0 {
            let size = node.size();
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(members, key)) => match key.take() {
                None => *key = Some(node),
                Some(Node { at, value }) => {
                    let key = match value {
                        Value::Scalar { text, .. } => text,
                        _ => Cow::Borrowed(""),
                    };
                    members.push(Member { at, key, value: node });
                }
            },
        }
    }

    /// The members without doubles, of which the last one counts, and with those of merge keys.
    fn merged(&mut self, members: Vec<Member<'a>>) -> Vec<Member<'a>> {
        let mut named = HashSet::new();
        let mut kept: Vec<Member<'a>> = Vec::with_capacity(members.len());
        let mut merges = Vec::new();
        for member in members.into_iter().rev() {
            if member.key == "<<" {
                merges.push(member.value);
            } else if named.insert(member.key.clone()) {
                kept.push(member);
            } else {
                let message = format!(
                    "the key `{}` is there more than once, the last one counts",
                    member.key
                );
                self.oddities.push(Remark { at: member.at, message });
            }
        }
        kept.reverse();
        for merge in merges.into_iter().rev() {
            let maps = match merge.value {
                Value::List(maps) => maps,
                _ => vec![merge],
            };
            for map in maps {
                let Value::Map(members) = map.value else {
                    let message = format!("a merge key takes maps, not {}", map.kind());
                    self.oddities.push(Remark { at: map.at, message });
                    continue;
                };
                kept.extend(members.into_iter().filter(|member| named.insert(member.key.clone())));
            }
        }
        kept
    }

    fn finish(mut self, malformed: Option<Remark>) -> Document<'a> {
        while !self.open.is_empty() {
            self.end();
        }
        let root = self.root.filter(|root| !root.is_null());
        Document { root, oddities: self.oddities, malformed }
    }
}
