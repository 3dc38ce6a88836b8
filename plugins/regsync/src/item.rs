//! One item of `sync`: an image, a repository or a registry.

use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Entry, Filter, Parsed, Selection};
use longshore_plugin_sdk::reference::{LATEST, Parts};
use longshore_plugin_sdk::scalar;
use longshore_plugin_sdk::yaml::{Mapping, Node};

use crate::RUNNING;
use crate::template::{Context, expanded};
use longshore_plugin_sdk::variables::Variables;

const USED: &[&str] =
    &["source", "target", "type", "tags", "tagSets", "repos", "platform", "platforms"];

/// The values that all entries of an item share.
struct Item<'a> {
    mapping: &'a Mapping,
    line: u32,
    source: (Place, String),
    target: (Place, String),
    platforms: Platforms,
}

/// The platforms of an item.
enum Platforms {
    /// `platform`: its manifest is copied without its index.
    One(String),
    /// `platforms`: an index keeps them. If empty, it keeps all.
    Several(Vec<String>),
}

/// Parses one item. An invalid item does not affect the others.
pub(crate) fn read(variables: &Variables, node: &Node, parsed: &mut Parsed) {
    let Some(mapping) = node.expect_mapping("an item of `sync`", parsed) else { return };
    mapping.warn_unused(USED, RUNNING, parsed);
    let written = |key: &str| mapping.get(key).and_then(Node::as_text).unwrap_or_default();
    let mut sync = [
        ("Source", written("source")),
        ("Target", written("target")),
        ("Type", written("type")),
        ("Platform", written("platform")),
    ];
    let context = Context { variables, sync: &sync };
    let source = reference(node, mapping, "source", &context, parsed);
    // As in regsync, the template of the target sees the expanded source.
    if let Some((_, source)) = &source {
        sync[0].1 = source;
    }
    let context = Context { variables, sync: &sync };
    let target = match (&source, written("target").contains(".Sync.Source")) {
        (None, true) => None,
        _ => reference(node, mapping, "target", &context, parsed),
    };
    let kind = required(node, mapping, "type", parsed);
    let (Some(source), Some(target), Some((place, kind))) = (source, target, kind) else { return };
    let Some(platforms) = platforms(mapping, parsed) else { return };
    let item = Item { mapping, line: node.place.line, source, target, platforms };
    let used: &[&str] = match kind {
        "image" => {
            item.image(parsed);
            &[]
        }
        "repository" => {
            item.repository(parsed);
            &["tags", "tagSets"]
        }
        "registry" => {
            item.registry(parsed);
            &["tags", "tagSets", "repos"]
        }
        _ => {
            let message = format!("the type must be image, repository or registry, found {kind:?}");
            return parsed.error(place, message);
        }
    };
    for key in ["tags", "tagSets", "repos"] {
        if let Some((key, node)) = mapping.entry(key)
            && !used.contains(&key.text.as_str())
            && !node.is_empty()
        {
            parsed.warn(key.place, format!("`{}` has no effect for type {kind}", key.text));
        }
    }
}

fn required<'a>(
    node: &Node,
    mapping: &'a Mapping,
    key: &str,
    parsed: &mut Parsed,
) -> Option<(Place, &'a str)> {
    let Some(value) = mapping.get(key) else {
        parsed.error(node.place, format!("`{key}` is missing"));
        return None;
    };
    Some((value.place, value.expect_text(&format!("`{key}`"), parsed)?))
}

/// Parses a source or a target and expands its templates. It must be in a registry.
fn reference(
    node: &Node,
    mapping: &Mapping,
    key: &str,
    context: &Context<'_>,
    parsed: &mut Parsed,
) -> Option<(Place, String)> {
    let (place, text) = required(node, mapping, key, parsed)?;
    let wrong = match expanded(text, context) {
        Ok(expanded) if expanded.text.starts_with("ocidir://") => {
            "a list cannot name an image layout; -s oci:DIR and -d oci:DIR do".to_owned()
        }
        Ok(expanded) => {
            for remark in expanded.remarks {
                parsed.warn(place, remark);
            }
            return Some((place, expanded.text));
        }
        Err(message) => message,
    };
    parsed.error(place, format!("`{key}` is {text:?}: {wrong}"));
    None
}

/// Returns the platforms to keep. Returns `None` if they cannot be read: without them, all
/// platforms would be mirrored.
fn platforms(mapping: &Mapping, parsed: &mut Parsed) -> Option<Platforms> {
    let one = mapping.entry("platform").filter(|(_, node)| !node.is_empty());
    let several = mapping.entry("platforms").filter(|(_, node)| !node.is_empty());
    if let Some((_, node)) = one {
        let text = node.expect_text("`platform`", parsed)?;
        if let Some((key, _)) = several {
            parsed.warn(key.place, "`platforms` has no effect beside `platform`");
        }
        return Some(Platforms::One(text.to_owned()));
    }
    let Some((key, node)) = several else { return Some(Platforms::Several(Vec::new())) };
    let found = scalar::texts(node, "`platforms`", parsed)?;
    if !found.is_empty() {
        let difference =
            "the index keeps only these platforms, whereas regsync leaves it unchanged";
        parsed.warn(key.place, format!("`platforms`: {difference}"));
    }
    let found = found.into_iter().map(|(_, platform)| platform.to_owned());
    Some(Platforms::Several(found.collect()))
}

impl Item<'_> {
    fn entry(&self, source: &str, selection: Selection, target: &str) -> Entry {
        let mut entry = Entry::new(source, selection, self.line).to(target);
        match &self.platforms {
            Platforms::One(platform) => entry.take_manifest_of(platform),
            Platforms::Several(platforms) => entry.platforms.clone_from(platforms),
        }
        entry
    }

    fn image(&self, parsed: &mut Parsed) {
        let place = self.target.0;
        let (source, target) = (Parts::of(&self.source.1), Parts::of(&self.target.1));
        if target.digest.is_some_and(|digest| source.digest != Some(digest)) {
            return parsed.error(place, "the target has a digest that the source does not have");
        }
        let mut entry = self.entry(source.name, source.selection(), target.name);
        // As in regsync, a target without tag and digest means `latest`, whatever the source's tag
        // is.
        let tag = target.tag.or_else(|| target.digest.is_none().then_some(LATEST));
        if tag != Some(source.tag.unwrap_or(LATEST)) || source.digest.is_some() {
            entry.destination_tag = tag.map(str::to_owned);
        }
        parsed.entries.push(entry);
    }

    fn repository(&self, parsed: &mut Parsed) {
        let source = without_version(&self.source, "source", parsed);
        let target = without_version(&self.target, "target", parsed);
        for selection in self.selections(parsed) {
            parsed.entries.push(self.entry(source, selection, target));
        }
    }

    fn registry(&self, parsed: &mut Parsed) {
        let Some(repositories) = self.repositories(parsed) else { return };
        for selection in self.selections(parsed) {
            let entry = self.entry(&self.source.1, selection, &self.target.1);
            parsed.entries.push(Entry { repositories: Some(repositories.clone()), ..entry });
        }
    }

    /// Returns the filter that `repos` sets.
    fn repositories(&self, parsed: &mut Parsed) -> Option<Filter> {
        let Some(repos) = self.mapping.get("repos").filter(|node| !node.is_empty()) else {
            return Some(Filter::default());
        };
        let mapping = repos.expect_mapping("`repos`", parsed)?;
        mapping.warn_unused(&["allow", "deny"], &[], parsed);
        let allow = patterns(mapping, "allow", parsed);
        let deny = patterns(mapping, "deny", parsed);
        Some(Filter { allow: allow?, deny: deny?, ..Filter::default() })
    }

    /// Returns the selections of `tags` and of each item of `tagSets`. A tag is copied if one of
    /// them selects it.
    fn selections(&self, parsed: &mut Parsed) -> Vec<Selection> {
        let mut selections = Vec::new();
        if let Some(tags) = self.mapping.get("tags").filter(|node| !node.is_empty()) {
            selections.extend(selection("`tags`", tags, parsed));
        }
        if let Some(sets) = self.mapping.get("tagSets").filter(|node| !node.is_empty())
            && let Some(sets) = sets.expect_sequence("`tagSets`", parsed)
        {
            for set in sets {
                selections.extend(selection("an item of `tagSets`", set, parsed));
            }
        }
        let filters = ["tags", "tagSets"]
            .iter()
            .any(|key| self.mapping.get(key).is_some_and(|n| !n.is_empty()));
        if !filters {
            selections.push(Selection::All);
        }
        selections
    }
}

fn without_version<'a>(
    (place, text): &'a (Place, String),
    key: &str,
    parsed: &mut Parsed,
) -> &'a str {
    let parts = Parts::of(text);
    if parts.tag.is_some() || parts.digest.is_some() {
        let message = format!("the tag or digest of `{key}` has no effect for a repository");
        parsed.warn(*place, message);
    }
    parts.name
}

fn selection(what: &str, node: &Node, parsed: &mut Parsed) -> Option<Selection> {
    let mapping = node.expect_mapping(what, parsed)?;
    mapping.warn_unused(&["allow", "deny", "semverRange"], &[], parsed);
    let ranges = texts(mapping, "semverRange", parsed);
    let allow = patterns(mapping, "allow", parsed);
    let deny = patterns(mapping, "deny", parsed);
    let ranges = ranges?;
    if let Some((key, _)) = mapping.entry("semverRange").filter(|_| !ranges.is_empty()) {
        let message = "`semverRange` leaves out tags with a suffix such as 1.2.3-alpine unless the range names one, and takes a bare version such as 7.2 for every 7.2.x; regsync does neither";
        parsed.warn(key.place, message);
    }
    Some(Selection::Matching(Filter {
        allow: allow?,
        deny: deny?,
        versions: (!ranges.is_empty()).then(|| ranges.join(" || ")),
        latest: None,
    }))
}

/// Returns regular expressions, anchored at both ends as in regsync.
fn patterns(mapping: &Mapping, key: &str, parsed: &mut Parsed) -> Option<Vec<String>> {
    let patterns = texts(mapping, key, parsed)?;
    Some(patterns.into_iter().map(|pattern| format!("^{pattern}$")).collect())
}

/// Returns the texts of an optional list. Returns `None` if one cannot be read.
fn texts<'a>(mapping: &'a Mapping, key: &str, parsed: &mut Parsed) -> Option<Vec<&'a str>> {
    let Some(node) = mapping.get(key) else { return Some(Vec::new()) };
    let what = format!("`{key}`");
    for item in node.items() {
        scalar::warn_number(item, &format!("an item of {what}"), parsed);
    }
    scalar::warn_number(node, &what, parsed);
    let texts = match key {
        // An item without a value denies nothing.
        "deny" => scalar::texts_with_value(node, &what, parsed)?,
        _ => scalar::texts(node, &what, parsed)?,
    };
    Some(texts.into_iter().map(|(_, text)| text).collect())
}
