//! A mapping of a task: its repositories, their destinations and their tags.

use longshore_plugin_sdk::list::{Entry, Filter, Parsed, Selection};
use longshore_plugin_sdk::scalar;
use longshore_plugin_sdk::yaml::{Mapping, Node};

use crate::tags::{self, Part};

/// The default lister, which also works for every registry.
pub(crate) const CATALOG: &str = "catalog";

/// Prefix that marks a path as a pattern.
const REGEX: &str = "regex:";

/// The context that all mappings of a task share.
pub(crate) struct Task<'a> {
    pub(crate) source: &'a str,
    pub(crate) target: &'a str,
    /// The lister of the source registry.
    pub(crate) lister: &'a str,
}

/// Parses one mapping. An invalid mapping does not affect the others.
pub(crate) fn read(task: &Task<'_>, node: &Node, parsed: &mut Parsed) {
    let Some(mapping) = node.expect_mapping("a mapping", parsed) else { return };
    let used = &["from", "to", "tags", "digests", "platform", "preserve-digests"];
    mapping.warn_unused(used, &[], parsed);
    let Some(from) = mapping.get("from") else {
        return parsed.error(node.place, "the mapping has no `from`");
    };
    let Some(path) = from.expect_text("`from`", parsed) else { return };
    let to = match mapping.get("to").filter(|node| !node.is_empty()) {
        Some(to) => match to.expect_text("`to`", parsed) {
            Some(text) if text.starts_with(REGEX) => {
                let message = "`to` rewrites by a regular expression, which a list cannot express: give --rewrite regex";
                return parsed.error(to.place, message);
            }
            Some(text) => Some(text.trim_matches('/')),
            None => return,
        },
        None => None,
    };
    let line = node.place.line;
    let template = match path.strip_prefix(REGEX) {
        Some(pattern) => {
            if task.lister != CATALOG {
                let message = format!(
                    "repositories are listed by the registry's catalogue, not by {:?}",
                    task.lister
                );
                return parsed.error(from.place, message);
            }
            let target = match to {
                Some(to) => format!("{}/{to}", task.target),
                None => task.target.to_owned(),
            };
            let repositories = Filter { allow: vec![tags::anchored(pattern)], ..Filter::default() };
            Entry {
                repositories: Some(repositories),
                ..Entry::new(task.source, Selection::All, line).to(target)
            }
        }
        None => {
            let path = path.trim_matches('/');
            let source = format!("{}/{path}", task.source);
            let target = format!("{}/{}", task.target, to.unwrap_or(path));
            Entry::new(source, Selection::All, line).to(target)
        }
    };
    let mut template = template;
    let Some(platform) = platform(mapping, parsed) else { return };
    if let Some(platform) = platform {
        template.take_manifest_of(platform);
    }
    for Part { selection, pattern } in selections(mapping, parsed) {
        let mut entry = Entry { select: selection, ..template.clone() };
        if let Some(pattern) = pattern {
            entry.select_jointly(format!("{line}.{pattern}"));
        }
        parsed.entries.push(entry);
    }
}

/// Returns the platform whose manifest is copied; `Some(None)` if every platform is. Returns `None` if it cannot be
/// read: without it, all platforms would be mirrored.
fn platform<'a>(mapping: &'a Mapping, parsed: &mut Parsed) -> Option<Option<&'a str>> {
    match mapping.get("platform").filter(|node| !node.is_empty()) {
        None => Some(None),
        Some(node) => node
            .expect_text("`platform`", parsed)
            .map(|text| Some(text).filter(|text| *text != "all")),
    }
}

/// Returns the selected tags and digests, every tag if there are neither. Selects nothing if one
/// item cannot be read: it may be a `keep:` that narrows the selection.
fn selections(mapping: &Mapping, parsed: &mut Parsed) -> Vec<Part> {
    let texts = |key: &str, parsed: &mut Parsed| {
        let node = mapping.get(key);
        node.map_or(Some(Vec::new()), |node| scalar::texts(node, &format!("`{key}`"), parsed))
    };
    let digests = texts("digests", parsed);
    let tags = texts("tags", parsed);
    let (Some(digests), Some(tags)) = (digests, tags) else { return Vec::new() };
    for item in mapping.get("tags").into_iter().flat_map(Node::items) {
        scalar::warn_number(item, "a tag", parsed);
    }
    let says_something = |key| mapping.get(key).is_some_and(|node| !node.is_empty());
    let mut selections = match (says_something("tags"), digests.is_empty()) {
        (true, _) => tags::selections(&tags, parsed),
        (false, true) if !says_something("digests") => vec![Selection::All.into()],
        (false, _) => Vec::new(),
    };
    for (place, digest) in digests {
        parsed.warn(place, "the destination gets no tag, as only a digest is given");
        selections.push(Selection::pinned(digest, None).into());
    }
    selections
}
