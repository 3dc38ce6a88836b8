//! The list format `hauler`: the images in Hauler's content files.
//!
//! ```text
//! apiVersion: content.hauler.cattle.io/v1
//! kind: Images
//! metadata:
//!   annotations: {hauler.dev/platform: linux/amd64}
//! spec:
//!   images:
//!   - name: docker.io/neuvector/updater:latest
//! ```
//!
//! Charts, files and collections in the same file are not mirrored. Each gets a warning.

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

mod images;

longshore_plugin_sdk::export_list_format!(probe, parse);

const GROUPS: [&str; 2] = ["content.hauler.cattle.io/", "collection.hauler.cattle.io/"];

/// Reports whether the text is a Hauler content file.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    match roots.iter().filter(|root| is_hauler(root)).count() {
        0 => Confidence::No,
        found if found == roots.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Parses the content file.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        match root.text_of("kind") {
            _ if !is_hauler(root) => {
                parsed.warn(root.place, "the document is not a Hauler content file")
            }
            Some("Images") => images::read(&mut parsed, root),
            Some(kind) => {
                let spec = root.get("spec").into_iter().flat_map(Node::members);
                let count: usize = spec.map(|(_, items)| items.items().len()).sum();
                let count = match count {
                    0 => String::new(),
                    1 => " (1 item)".to_owned(),
                    count => format!(" ({count} items)"),
                };
                parsed.warn(root.place, format!("kind {kind} is not mirrored{count}"));
            }
            None => parsed.error(root.place, "the document has no kind"),
        }
    }
    parsed.in_order()
}

fn is_hauler(root: &Node) -> bool {
    root.text_of("apiVersion")
        .is_some_and(|version| GROUPS.iter().any(|group| version.starts_with(group)))
}

#[cfg(test)]
mod tests;
