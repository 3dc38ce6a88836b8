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
//! fields whose name ends in `Image`, lists whose name ends in `Images`, image volumes, and the `RELATED_IMAGE_` variables of operators.

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

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
    if roots.iter().any(|root| is_foreign(root)) {
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
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        if is_foreign(root) {
            let group = root.text_of("apiVersion").unwrap_or_default();
            parsed.warn(root.place, format!("what is {group} is not read: it is no manifest"));
        } else if root.as_mapping().is_some() {
            if !is_object(root) {
                parsed.warn(root.place, "the document has no apiVersion and kind");
            }
            Walk::new(&mut parsed).node(root);
        } else {
            parsed
                .error(root.place, format!("a manifest must be a mapping, found {}", root.kind()));
        }
    }
    parsed.in_order()
}

/// Whether it says what it is; a `List` cut short may have no `kind` yet.
fn is_object(root: &Node) -> bool {
    root.text_of("apiVersion").is_some()
        && (root.text_of("kind").is_some() || root.get("items").is_some())
}

fn is_foreign(root: &Node) -> bool {
    root.text_of("apiVersion")
        .is_some_and(|version| FOREIGN_GROUPS.iter().any(|group| version.starts_with(group)))
}

#[cfg(test)]
mod tests;
