//! The list format `kubernetes`: every image in manifests, as YAML documents or JSON, alone, in files
//! of many documents or in a `List`.
//!
//! ```text
//! apiVersion: v1
//! kind: Pod
//! spec:
//!   containers:
//!   - image: nginx:1.27
//! ```
//!
//! Images are found by the names of fields, whatever the kind, so that custom resources are read too:
//! `image: REFERENCE`, `image: {registry, repository, tag, digest}`, those four fields side by side,
//! fields whose name ends in `Image`, image volumes, and the `RELATED_IMAGE_` variables of operators.

use longshore_plugin_document::{Listing, Node, outline};
use longshore_plugin_sdk::list::{Confidence, Parsed};

use walk::Walk;

mod field;
mod walk;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// Groups whose objects say what another tool mirrors; a format of their own reads them.
const FOREIGN_GROUPS: [&str; 3] =
    ["content.hauler.cattle.io/", "collection.hauler.cattle.io/", "mirror.openshift.io/"];

/// Says whether the text holds manifests.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let objects = roots.iter().filter(|root| is_object(root)).count();
    if roots.iter().any(is_foreign) {
        return Confidence::No;
    }
    match objects {
        0 => Confidence::No,
        objects if objects == roots.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Reads the manifests.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut listing, roots) = Listing::read(text);
    for root in &roots {
        if is_foreign(root) {
            let group = root.text_of("apiVersion").unwrap_or_default();
            listing.warn(root.at, format!("what is {group} is not read: it is no manifest"));
        } else if root.is_map() {
            if !is_object(root) {
                listing.warn(root.at, "the document has no apiVersion and kind");
            }
            Walk::new(&mut listing).node(root);
        } else {
            listing.fail(root.at, format!("a manifest is a map, not {}", root.kind()));
        }
    }
    listing.finish()
}

/// Whether it says what it is; a `List` cut short may have no `kind` yet.
fn is_object(root: &Node<'_>) -> bool {
    root.text_of("apiVersion").is_some()
        && (root.text_of("kind").is_some() || root.get("items").is_some())
}

fn is_foreign(root: &Node<'_>) -> bool {
    root.text_of("apiVersion")
        .is_some_and(|version| FOREIGN_GROUPS.iter().any(|group| version.starts_with(group)))
}

#[cfg(test)]
mod tests;
