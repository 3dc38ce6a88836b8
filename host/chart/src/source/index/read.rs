//! Reads an index event by event. A tree of a whole index takes fifty times the memory of its text.
//!
//! A version that is written in a wrong way is skipped, and costs no other version.

use std::collections::HashMap;
use std::mem::size_of;

use granit_parser::{Event, Marker, Parser, ScalarStyle, StrInput};

use super::{Index, IndexEntry};

/// The most memory that the kept parts of an index may take, in bytes.
const KEPT_LIMIT: usize = 64 * 1024 * 1024;
/// What a kept text takes beside its bytes: the allocation and its place in a list.
const TEXT_COST: usize = 48;

/// An anchored value that an alias may repeat.
#[derive(Clone)]
enum Anchored {
    Text(String),
    Texts(Vec<String>),
    Entry(IndexEntry),
    Entries(Vec<IndexEntry>),
}

/// An event without the borrowed parts that are not needed.
enum Node {
    /// The text of a scalar; `None` for null.
    Text(Option<String>, usize),
    Sequence(usize),
    Mapping(usize),
    Alias(usize),
    End,
}

/// Reads the first document of a text.
pub(super) struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    at: (usize, usize),
    anchors: HashMap<usize, Anchored>,
    kept: usize,
    /// The first fault in the versions of the current chart.
    fault: Option<String>,
    /// The most bytes that may be kept.
    limit: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self::within(text, KEPT_LIMIT)
    }

    fn within(text: &'a str, limit: usize) -> Self {
        let options = granit_parser::options! { emit_comments: false };
        let parser = Parser::new_from_str_with_options(text, options);
        Self { parser, at: (1, 1), anchors: HashMap::new(), kept: 0, fault: None, limit }
    }

    /// Reads the index.
    ///
    /// # Errors
    /// The cause with its line and column.
    pub(super) fn index(mut self) -> Result<Index, String> {
        let mut index = Index::default();
        match self.node()? {
            Node::Mapping(_) => {}
            Node::Text(None, _) | Node::End => return Ok(index),
            _ => return Err(self.wrong("a mapping with the key entries")),
        }
        while let Some(key) = self.key()? {
            match key.as_str() {
                "entries" => index = self.charts()?,
                _ => self.skip(0)?,
            }
        }
        Ok(index)
    }

    fn charts(&mut self) -> Result<Index, String> {
        let mut index = Index::default();
        match self.node()? {
            Node::Mapping(_) => {}
            Node::Text(None, _) => return Ok(index),
            _ => return Err(self.wrong("a mapping of charts")),
        }
        while let Some(name) = self.key()? {
            self.keep(name.len() + TEXT_COST)?;
            let versions = self.versions()?;
            // Of two equal keys, the last one counts, as in Helm.
            index.broken.remove(&name);
            if let Some(fault) = self.fault.take() {
                self.keep(name.len() + fault.len() + 2 * TEXT_COST)?;
                index.broken.insert(name.clone(), fault);
            }
            index.entries.insert(name, versions);
        }
        Ok(index)
    }

    fn versions(&mut self) -> Result<Vec<IndexEntry>, String> {
        let anchor = match self.node()? {
            Node::Sequence(anchor) => anchor,
            Node::Text(None, _) => return Ok(Vec::new()),
            Node::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(Anchored::Entries(entries)) => {
                    self.keep(entries.iter().map(cost).sum())?;
                    return Ok(entries);
                }
                _ => return self.spoil(&Node::End, "a list of versions").map(|()| Vec::new()),
            },
            other => return self.spoil(&other, "a list of versions").map(|()| Vec::new()),
        };
        let mut versions = Vec::new();
        loop {
            let entry = match self.node()? {
                Node::End => break,
                Node::Mapping(anchor) => match self.entry(anchor)? {
                    Some(entry) => entry,
                    None => continue,
                },
                Node::Text(None, _) => continue,
                Node::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                    Some(Anchored::Entry(entry)) => entry,
                    _ => {
                        self.spoil(&Node::End, "a version of a chart")?;
                        continue;
                    }
                },
                other => {
                    self.spoil(&other, "a version of a chart")?;
                    continue;
                }
            };
            self.keep(cost(&entry))?;
            versions.push(entry);
        }
        self.anchor(anchor, || Anchored::Entries(versions.clone()))?;
        Ok(versions)
    }

    /// Reads a mapping whose start was read. Returns `None` if a part of it is wrong.
    fn entry(&mut self, anchor: usize) -> Result<Option<IndexEntry>, String> {
        let mut entry = IndexEntry::default();
        let mut is_whole = true;
        while let Some(key) = self.key()? {
            let is_right = match key.as_str() {
                "version" => self.text()?.map(|text| entry.version = text).is_some(),
                "digest" => self.text()?.map(|text| entry.digest = text).is_some(),
                "created" => {
                    // The time decides nothing.
                    entry.created = self.text()?.unwrap_or_default();
                    true
                }
                "urls" => self.texts()?.map(|urls| entry.urls = urls).is_some(),
                "<<" => match self.base()? {
                    Some(base) => {
                        entry = merged(entry, base);
                        true
                    }
                    None => false,
                },
                _ => {
                    self.skip(0)?;
                    true
                }
            };
            is_whole &= is_right;
        }
        if !is_whole {
            return Ok(None);
        }
        self.anchor(anchor, || Anchored::Entry(entry.clone()))?;
        Ok(Some(entry))
    }

    /// Reads the version that another one repeats.
    fn base(&mut self) -> Result<Option<IndexEntry>, String> {
        let node = self.node()?;
        if let Node::Alias(anchor) = node
            && let Some(Anchored::Entry(base)) = self.anchors.get(&anchor)
        {
            return Ok(Some(base.clone()));
        }
        self.spoil(&node, "the alias of a version").map(|()| None)
    }

    fn texts(&mut self) -> Result<Option<Vec<String>>, String> {
        let anchor = match self.node()? {
            Node::Sequence(anchor) => anchor,
            Node::Text(None, _) => return Ok(Some(Vec::new())),
            Node::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(Anchored::Texts(texts)) => return Ok(Some(texts)),
                _ => return self.spoil(&Node::End, "a list of addresses").map(|()| None),
            },
            other => return self.spoil(&other, "a list of addresses").map(|()| None),
        };
        let mut texts = Vec::new();
        let mut size = 0;
        let mut is_whole = true;
        loop {
            let text = match self.node()? {
                Node::End => break,
                node => self.text_of(node)?,
            };
            let Some(text) = text else {
                is_whole = false;
                continue;
            };
            // Charged again with its entry, but an endless list has to end here.
            size += text.len() + TEXT_COST;
            if self.kept + size > self.limit {
                return Err(self.too_much());
            }
            texts.push(text);
        }
        if !is_whole {
            return Ok(None);
        }
        self.anchor(anchor, || Anchored::Texts(texts.clone()))?;
        Ok(Some(texts))
    }

    /// Reads a text; null is an empty one. Returns `None` for what is not a text.
    fn text(&mut self) -> Result<Option<String>, String> {
        let node = self.node()?;
        self.text_of(node)
    }

    fn text_of(&mut self, node: Node) -> Result<Option<String>, String> {
        match node {
            Node::Text(text, anchor) => {
                let text = text.unwrap_or_default();
                self.anchor(anchor, || Anchored::Text(text.clone()))?;
                Ok(Some(text))
            }
            Node::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(Anchored::Text(text)) => Ok(Some(text.clone())),
                _ => self.spoil(&Node::End, "a text").map(|()| None),
            },
            other => self.spoil(&other, "a text").map(|()| None),
        }
    }

    /// Reads the next key of a mapping; `None` at its end.
    fn key(&mut self) -> Result<Option<String>, String> {
        match self.node()? {
            Node::End => Ok(None),
            node => match self.text_of(node)? {
                Some(text) => Ok(Some(text)),
                None => Err(self.wrong("a text as a key")),
            },
        }
    }

    /// Remembers that the part that starts with `node` is wrong, and skips the rest of it.
    fn spoil(&mut self, node: &Node, expected: &str) -> Result<(), String> {
        let fault = self.wrong(expected);
        self.fault.get_or_insert(fault);
        match node {
            Node::Sequence(_) | Node::Mapping(_) => self.skip(1),
            _ => Ok(()),
        }
    }

    /// Skips the next value, but keeps its anchored texts. `depth` is the number of collections to leave first.
    fn skip(&mut self, mut depth: usize) -> Result<(), String> {
        loop {
            match self.node()? {
                Node::Sequence(_) | Node::Mapping(_) => depth += 1,
                Node::End => depth = depth.saturating_sub(1),
                Node::Text(Some(text), anchor) if anchor > 0 => {
                    self.anchor(anchor, || Anchored::Text(text))?;
                }
                Node::Text(..) | Node::Alias(_) => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn node(&mut self) -> Result<Node, String> {
        loop {
            let Some(event) = self.parser.next_event() else { return Ok(Node::End) };
            let (event, span) = event.map_err(|error| {
                self.at = place(error.marker());
                self.error(&error.info().to_string())
            })?;
            self.at = place(&span.start);
            return Ok(match event {
                Event::Scalar(text, style, anchor, _) => {
                    let is_null = style == ScalarStyle::Plain
                        && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                    Node::Text((!is_null).then(|| text.into_owned()), anchor)
                }
                Event::SequenceStart(_, anchor, _) => Node::Sequence(anchor),
                Event::MappingStart(_, anchor, _) => Node::Mapping(anchor),
                Event::Alias(anchor) => Node::Alias(anchor),
                Event::SequenceEnd | Event::MappingEnd | Event::DocumentEnd => Node::End,
                _ => continue,
            });
        }
    }

    /// Remembers an anchored value; 0 is no anchor.
    fn anchor(&mut self, anchor: usize, value: impl FnOnce() -> Anchored) -> Result<(), String> {
        if anchor == 0 {
            return Ok(());
        }
        let value = value();
        self.keep(match &value {
            Anchored::Text(text) => text.len() + TEXT_COST,
            Anchored::Texts(texts) => texts.iter().map(|text| text.len() + TEXT_COST).sum(),
            Anchored::Entry(entry) => cost(entry),
            Anchored::Entries(entries) => entries.iter().map(cost).sum(),
        })?;
        self.anchors.insert(anchor, value);
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> Result<(), String> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > self.limit { Err(self.too_much()) } else { Ok(()) }
    }

    fn too_much(&self) -> String {
        format!("its charts and versions need more than {} bytes", self.limit)
    }

    fn wrong(&self, expected: &str) -> String {
        self.error(&format!("expected {expected}"))
    }

    fn error(&self, message: &str) -> String {
        let (line, column) = self.at;
        format!("line {line}, column {column}: {message}")
    }
}

fn place(marker: &Marker) -> (usize, usize) {
    (marker.line(), marker.col() + 1)
}

/// The memory of an entry, in bytes.
fn cost(entry: &IndexEntry) -> usize {
    let IndexEntry { version, urls, digest, created } = entry;
    let texts = urls.iter().chain([version, digest, created]);
    size_of::<IndexEntry>() + texts.map(|text| text.len() + TEXT_COST).sum::<usize>()
}

/// The values of `entry`, and those of `base` that it lacks.
fn merged(entry: IndexEntry, base: IndexEntry) -> IndexEntry {
    let or = |text: String, base: String| if text.is_empty() { base } else { text };
    IndexEntry {
        version: or(entry.version, base.version),
        urls: if entry.urls.is_empty() { base.urls } else { entry.urls },
        digest: or(entry.digest, base.digest),
        created: or(entry.created, base.created),
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    /// The limit in these tests.
    const LIMIT: usize = 64 * 1024;

    fn urls(text: &str) -> Result<Vec<(String, String)>, String> {
        let index = Reader::within(text, LIMIT).index()?;
        let all = index.entries.values().flatten();
        Ok(all.map(|entry| (entry.version.clone(), entry.urls.join(","))).collect())
    }

    fn pair(version: &str, urls: &str) -> (String, String) {
        (version.to_owned(), urls.to_owned())
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        for (text, expected) in [
            ("x: &v 1.2.3\nentries: {a: [{version: *v, urls: [b]}]}", vec![pair("1.2.3", "b")]),
            (
                "entries: {a: [{version: '1', urls: &u [b, c]}, {version: '2', urls: *u}]}",
                vec![pair("1", "b,c"), pair("2", "b,c")],
            ),
            (
                "entries:\n  a: &all\n  - &one {version: '1', urls: [b]}\n  - {<<: *one, version: '2'}\n  - {version: '3', <<: *one}\n  b: *all\n  c: [*one]\n",
                [("1", "b"), ("2", "b"), ("3", "b")]
                    .into_iter()
                    .cycle()
                    .take(7)
                    .map(|(version, urls)| pair(version, urls))
                    .collect(),
            ),
            ("entries: {a: [{version: 1}], a: [{version: 2}]}", vec![pair("2", "")]),
            ("entries: {a: [{version: null, urls: ~}, ]}\n---\nentries: 3", vec![pair("", "")]),
            ("entries: {a: [null, {version: 1}]}", vec![pair("1", "")]),
            ("# nothing", vec![]),
            ("{}", vec![]),
        ] {
            assert_eq!(urls(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_version_that_is_wrong_costs_no_other() {
        for (wrong, fault) in [
            ("{a: 3}", "line 1, column 14: expected a list of versions"),
            ("{a: {b: [c, {d: e}]}}", "line 1, column 14: expected a list of versions"),
            ("{a: [3]}", "line 1, column 15: expected a version of a chart"),
            ("{a: [[{version: 1}]]}", "column 15: expected a version of a chart"),
            ("{a: [{version: [1, {b: c}]}]}", "column 25: expected a text"),
            ("{a: [{version: 1, digest: {b: c}}]}", "expected a text"),
            ("{a: [{version: 1, urls: b}]}", "expected a list of addresses"),
            ("{a: [{version: 1, urls: {b: [c]}}]}", "expected a list of addresses"),
            ("{a: [{version: 1, urls: [b, [c]]}]}", "expected a text"),
            ("{a: [{<<: {version: 1}}]}", "expected the alias of a version"),
            ("{a: &x [3], a: *x}", "expected a version of a chart"),
        ] {
            let (before, _) = wrong.rsplit_once('}').unwrap();
            let good = "g: [null, [1], {version: 2, created: [3], urls: [u]}]";
            let text = format!("entries: {before}, {good}}}\nafter: 1\n");
            let index = Reader::within(&text, LIMIT).index().unwrap();
            let [entry] = &index.entries["g"][..] else { panic!("{text}") };
            assert_eq!((entry.version.as_str(), entry.urls.join(",")), ("2", "u".to_owned()));
            if wrong.contains('*') {
                assert!(index.entries["a"].is_empty(), "{text}");
            } else {
                assert!(index.broken["a"].contains(fault), "{text}: {:?}", index.broken);
            }
        }
        let again = Reader::within("entries: {a: 3, a: [{version: 1}]}", LIMIT).index().unwrap();
        assert!(again.broken.is_empty(), "the last of two equal keys counts");
    }

    #[test]
    fn what_is_no_index_names_its_place() {
        for (text, place) in [
            ("entries: 3", "line 1, column 10: expected a mapping of charts"),
            ("entries: [a]", "line 1, column 10: expected a mapping of charts"),
            ("entries: {[a]: b}", "expected a text as a key"),
            ("<html></html>", "line 1, column 1: expected a mapping"),
            ("entries: [", "line "),
            ("entries: {a: [*x]}", "line 1"),
        ] {
            let error = urls(text).unwrap_err();
            assert!(error.contains(place), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let big = "x".repeat(1 << 10);
        let many = |line: &str, times: usize| format!("entries:\n  a:\n{}", line.repeat(times));
        for (text, why) in [
            (format!("z: &x {big}\n{}", many("  - {version: *x}\n", 70)), "scalars"),
            (
                format!("z: &x {big}\nentries: {{a: [{{urls: [{}]}}]}}", "*x, ".repeat(70)),
                "one list",
            ),
            (many("  - {urls: &u [b, b, b, b, b, b, b, b]}\n", 100), "anchors"),
            (many("  - {version: 1, urls: [b]}\n", 400), "versions"),
            (
                format!("entries:\n  a: &a\n{}", "  - {version: 1, urls: [b]}\n".repeat(10))
                    + &(0..100).map(|n| format!("  b{n}: *a\n")).collect::<String>(),
                "lists of versions",
            ),
        ] {
            let error = urls(&text).unwrap_err();
            assert!(error.contains(&LIMIT.to_string()), "{why}: {error}");
        }
        let skipped =
            format!("entries: {{a: [{{version: '1', keywords: [{}]}}]}}", "b, ".repeat(5000));
        assert_eq!(urls(&skipped).unwrap(), [pair("1", "")], "what is skipped costs nothing");
    }
}
