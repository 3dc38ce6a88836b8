//! The additional images and the blocked images.

use longshore_plugin_sdk::list::{Parsed, Selection};
use longshore_plugin_sdk::reference::Parts;
use longshore_plugin_sdk::yaml::Node;

/// Rewrites set destinations.
const IGNORED: &[(&str, &str)] = &[("targetRepo", "--rewrite has plugins for that")];

/// Characters that make a name a pattern.
const OF_PATTERNS: [char; 11] = ['*', '^', '$', '\\', '(', ')', '[', ']', '|', '+', '?'];

/// Parses both lists.
pub(crate) fn read(parsed: &mut Parsed, mirror: &Node) {
    // A blocked name that cannot be read may be any of the images.
    let Some(blocked) = blocked(parsed, mirror) else { return };
    let Some(images) = mirror.get("additionalImages") else { return };
    for node in images.expect_sequence("`additionalImages`", parsed).unwrap_or_default() {
        let Some(image) = node.expect_mapping("an item of `additionalImages`", parsed) else {
            continue;
        };
        image.warn_unused(&["name", "targetTag"], IGNORED, parsed);
        let Some(name) = image.get("name") else {
            parsed.error(node.place, "an image has no `name`");
            continue;
        };
        let Some(text) = name.expect_text("`name`", parsed).map(without_transport) else {
            continue;
        };
        if blocked.iter().any(|by| blocks(by, text)) {
            let message = format!("`{text}` is among `blockedImages`, so it is skipped");
            parsed.warn(name.place, message);
            continue;
        }
        let Some(tag) = node.get("targetTag").filter(|tag| !tag.is_blank()) else {
            parsed.image(name.place, text);
            continue;
        };
        if let Some(tag) = tag.expect_text("`targetTag`", parsed) {
            retagged(parsed, name, text, tag);
        }
    }
}

/// Returns the blocked names. The documentation writes them as strings, and oc-mirror as mappings.
/// Returns `None` if one cannot be read.
fn blocked<'a>(parsed: &mut Parsed, mirror: &'a Node) -> Option<Vec<&'a str>> {
    let Some(list) = mirror.get("blockedImages") else { return Some(Vec::new()) };
    let items = list.expect_sequence("`blockedImages`", parsed)?;
    let mut names = Vec::new();
    for node in items {
        let name = node.get("name").unwrap_or(node);
        let Some(text) = name.expect_text("an item of `blockedImages`", parsed) else { continue };
        if text.contains(OF_PATTERNS) {
            let message = "a pattern of `blockedImages` is not followed: nothing is left out by it";
            parsed.warn(name.place, message);
        }
        names.push(text);
    }
    (names.len() == items.len()).then_some(names)
}

/// Reports whether a blocked name matches the image, with or without its tag and digest.
fn blocks(blocked: &str, image: &str) -> bool {
    let blocked = without_transport(blocked);
    blocked == image || blocked == Parts::of(image).name
}

fn without_transport(name: &str) -> &str {
    name.strip_prefix("docker://").unwrap_or(name)
}

/// Adds an entry with another tag at the destination.
fn retagged(parsed: &mut Parsed, name: &Node, text: &str, tag: &str) {
    let parts = Parts::of(text);
    if let (Some(digest), None) = (parts.digest, parts.tag) {
        // The tag of such a reference is the tag at the destination.
        parsed.image(name.place, &format!("{}:{tag}@{digest}", parts.name));
    } else if let Some(entry) = parsed.image(name.place, text)
        && entry.select != Selection::ByTag(tag.to_owned())
    {
        entry.destination_tag = Some(tag.to_owned());
    }
}
