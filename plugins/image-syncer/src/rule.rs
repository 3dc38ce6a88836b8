//! One rule: a source and its destinations.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Entry, Filter, Parsed, Selection};
use longshore_plugin_sdk::reference::Parts;
use longshore_plugin_sdk::yaml::{Key, Node, Value};

/// The source side of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source<'a> {
    /// `[registry/]repository`.
    pub(crate) name: &'a str,
    which: Which<'a>,
}

/// The tags or the digest that a rule selects.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Which<'a> {
    All,
    Tags(Vec<&'a str>),
    Regex(&'a str),
    Digest { digest: &'a str, tag: Option<&'a str> },
}

impl<'a> Source<'a> {
    /// Parses `NAME`, `NAME:TAG,TAG`, `NAME:/REGEX/` and `NAME@DIGEST`.
    pub(crate) fn of(text: &'a str) -> Result<Self, &'static str> {
        if let Some((name, rest)) = text.split_once(":/") {
            let Some(regex) = rest.strip_suffix('/').filter(|regex| !regex.is_empty()) else {
                return Err("a regular expression must stand between two slashes");
            };
            return Self { name, which: Which::Regex(regex) }.named();
        }
        let (first, more) = match text.split_once(',') {
            Some((first, more)) => (first, Some(more)),
            None => (text, None),
        };
        let Parts { name, tag, digest } = Parts::of(first);
        let which = match (digest, tag, more) {
            (Some(_), _, Some(_)) => return Err("tags cannot follow a digest"),
            (Some(""), _, None) => return Err("there is no digest after the `@`"),
            (Some(digest), tag, None) => Which::Digest { digest, tag },
            (None, None, Some(_)) => return Err("there is a comma, but no tag before it"),
            (None, None, None) => Which::All,
            (None, Some(tag), more) => {
                let tags: Vec<&str> = std::iter::once(tag)
                    .chain(more.into_iter().flat_map(|m| m.split(',')))
                    .collect();
                if tags.contains(&"") {
                    return Err("there is an empty tag");
                }
                Which::Tags(tags)
            }
        };
        Self { name, which }.named()
    }

    fn named(self) -> Result<Self, &'static str> {
        if self.name.is_empty() { Err("there is no name before the tag") } else { Ok(self) }
    }
}

/// Parses the destinations of a rule. An invalid destination does not affect the others.
pub(crate) fn read(key: &Key, source: &Source<'_>, node: &Node, parsed: &mut Parsed) {
    match &node.value {
        Value::Sequence(items) if !items.is_empty() => {
            for item in items {
                if let Some(text) = item.expect_text("a destination", parsed) {
                    destination(item.place, source, text, parsed);
                }
            }
        }
        Value::Scalar(scalar) if !scalar.text.is_empty() => {
            destination(key.place, source, &scalar.text, parsed);
        }
        Value::Mapping(mapping) if !mapping.is_empty() => {
            parsed.error(node.place, "a destination must be a string or a list, found a mapping");
        }
        _ => {
            let message = "without a destination the source's path is kept; image-syncer has a default registry and namespace";
            parsed.warn(key.place, message);
            let line = key.place.line;
            let entries = source.selections().into_iter();
            parsed
                .entries
                .extend(entries.map(|selection| Entry::new(source.name, selection, line)));
        }
    }
}

fn destination(place: Place, source: &Source<'_>, text: &str, parsed: &mut Parsed) {
    if text.contains('$') {
        let message = format!("{text:?}: environment variables are not expanded, write it out");
        return parsed.error(place, message);
    }
    let (named, more) = match text.split_once(',') {
        Some((named, more)) => (named, Some(more)),
        None => (text, None),
    };
    let parts = Parts::of(named);
    let own = match source.which {
        Which::Digest { digest, .. } => Some(digest),
        _ => None,
    };
    if parts.digest.is_some_and(|digest| own != Some(digest)) {
        return parsed.error(place, "a destination can only have the digest of its source");
    }
    let tags: Vec<&str> =
        parts.tag.into_iter().chain(more.into_iter().flat_map(|more| more.split(','))).collect();
    let selections = source.selections();
    let is_one_each = match &source.which {
        Which::All | Which::Regex(_) => tags.is_empty(),
        Which::Tags(_) | Which::Digest { .. } => tags.is_empty() || tags.len() == selections.len(),
    };
    if parts.name.is_empty() || tags.contains(&"") || (more.is_some() && parts.tag.is_none()) {
        return parsed.error(place, format!("{text:?} is not a destination"));
    }
    if !is_one_each {
        let message = "a destination's tags must be as many as the source's, or none";
        return parsed.error(place, message);
    }
    if matches!(source.which, Which::Digest { tag: None, .. }) && tags.is_empty() {
        parsed.warn(place, "the destination gets no tag, as only a digest is given");
    }
    for (at, selection) in selections.into_iter().enumerate() {
        let to_tag = tags.get(at).filter(|&&tag| selection != Selection::ByTag(tag.to_owned()));
        parsed.entries.push(Entry {
            destination_tag: to_tag.map(|&tag| tag.to_owned()),
            ..Entry::new(source.name, selection, place.line).to(parts.name)
        });
    }
}

impl Source<'_> {
    /// Reports whether the rule selects all tags.
    pub(crate) fn is_all(&self) -> bool {
        self.which == Which::All
    }

    fn selections(&self) -> Vec<Selection> {
        match &self.which {
            Which::All => vec![Selection::All],
            Which::Regex(regex) => vec![Selection::Matching(Filter {
                allow: vec![(*regex).to_owned()],
                ..Filter::default()
            })],
            Which::Tags(tags) => tags.iter().map(|&tag| Selection::ByTag(tag.to_owned())).collect(),
            Which::Digest { digest, tag } => {
                vec![Selection::pinned(*digest, tag.map(str::to_owned))]
            }
        }
    }
}
