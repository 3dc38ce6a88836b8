//! SPDX 3 documents in JSON, a strict subset of JSON-LD: a graph of elements.
//!
//! A class, property or value has two forms of its name. The context defines the short form
//! (`software_Package`). JSON-LD also allows a compact or full IRI (`software:Package`,
//! `https://…/Software/Package`). The code compares the part that all forms share.

use longshore_plugin_purl::{Purls, left_out};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::{Key, Node, Value};

/// Part of the context that all minor versions share.
const CONTEXT: &str = "spdx.org/rdf/3";

/// The package class and its subclasses.
const PACKAGES: [&str; 3] = ["Package", "AIPackage", "DatasetPackage"];

/// Reports whether the document is SPDX 3. Its context is a string, or a list of strings and
/// abbreviations.
pub(crate) fn is_document(root: &Node) -> bool {
    let Some(context) = root.get("@context") else { return false };
    let is_ours = |node: &Node| node.as_text().is_some_and(|text| text.contains(CONTEXT));
    is_ours(context) || context.items().iter().any(|item| is_ours(item))
}

/// Parses the packages of the graph.
pub(crate) fn read(parsed: &mut Parsed, root: &Node) {
    let mut elements = Vec::new();
    match root.get("@graph") {
        Some(graph) => {
            for node in graph.expect_sequence("`@graph`", parsed).unwrap_or_default() {
                if node.expect_mapping("an element of `@graph`", parsed).is_some() {
                    elements.push(&**node);
                }
            }
        }
        // A document with one element needs no graph.
        None if kind(root).is_some() => elements.push(root),
        None => parsed.error(root.place, "there is no `@graph`"),
    }
    let mut graph = Graph { elements: &elements, purls: Purls::default() };
    for element in &elements {
        if kind(element).is_some_and(|kind| PACKAGES.contains(&kind)) {
            graph.package(parsed, element);
        }
    }
    graph.purls.finish(parsed);
}

/// The elements, and the purls found in them.
struct Graph<'a> {
    elements: &'a [&'a Node],
    purls: Purls,
}

impl<'a> Graph<'a> {
    fn package(&mut self, parsed: &mut Parsed, package: &'a Node) {
        let (mut found, mut is_image) = (Vec::new(), false);
        let url = property(package, &["packageUrl"]);
        let identifiers = property(package, &["externalIdentifier", "externalIdentifiers"]);
        let identifiers =
            identifiers.into_iter().flat_map(|(_, value)| match value.as_sequence() {
                Some(items) => items.iter().map(|item| &**item).collect(),
                // A property with one value needs no list.
                None => vec![value],
            });
        let mut named: Vec<(&Key, &Node)> = url.into_iter().collect();
        for identifier in identifiers {
            named.extend(self.purl_of(parsed, identifier));
        }
        for (key, value) in named {
            let Some(purl) = value.expect_text(&format!("`{}`", key.text), parsed) else {
                continue;
            };
            // Writers repeat the URL among the identifiers.
            if !found.contains(&purl) {
                found.push(purl);
                is_image |= self.purls.take(parsed, value.place, purl);
            }
        }
        let purpose = property(package, &["primaryPurpose"]).and_then(|(_, value)| value.as_text());
        if !is_image && purpose.is_some_and(|purpose| word(purpose) == "container") {
            left_out(parsed, package.place, package.text_of("name"));
        }
    }

    /// Returns the purl of an identifier of that type. The identifier is nested or, because it is
    /// not an element, in the graph under an `@id`.
    fn purl_of(&self, parsed: &mut Parsed, node: &'a Node) -> Option<(&'a Key, &'a Node)> {
        let identifier = match node.as_text() {
            None => node,
            Some(id) => {
                let is_it = |element: &&&Node| element.text_of("@id") == Some(id);
                let found = self.elements.iter().find(is_it);
                if found.is_none() {
                    parsed
                        .warn(node.place, format!("the identifier `{id}` is not in the document"));
                }
                found?
            }
        };
        let kind = property(identifier, &["externalIdentifierType"])?.1.as_text()?;
        // Drafts of the model spell it `packageURL`.
        if !word(kind).eq_ignore_ascii_case("packageUrl") {
            return None;
        }
        let found = property(identifier, &["identifier"]);
        if found.is_none() {
            parsed.error(identifier.place, "a purl has no `identifier`");
        }
        found
    }
}

/// Returns the class of an element.
fn kind(element: &Node) -> Option<&str> {
    element.text_of("type").or_else(|| element.text_of("@type")).map(word)
}

/// Returns a property by any of its names, with its value.
fn property<'a>(element: &'a Node, names: &[&str]) -> Option<(&'a Key, &'a Node)> {
    let is_it = |key: &Key| names.contains(&word(&key.text));
    element.members().find(|(key, value)| is_it(key) && !matches!(value.value, Value::Null))
}

/// Returns the name without its profile or namespace.
fn word(name: &str) -> &str {
    name.rsplit(['/', '#', ':', '_']).next().unwrap_or(name)
}
