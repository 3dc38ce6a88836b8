//! The list format `kubernetes`: every image in manifests. It reads YAML documents and JSON, alone,
//! in files with many documents and in a `List`.
//!
//! ```text
//! apiVersion: v1
//! kind: Pod
//! spec:
//!   containers:
//!   - image: nginx:1.27
//! ```
//!
//! The format finds images by field name in objects of any kind, custom resources included. It
//! reads:
//!
//! - `image: REFERENCE` and `image: {registry, repository, tag, digest}`
//! - these four fields side by side
//! - fields with names that end in `Image`, and lists with names that end in `Images`
//! - image volumes
//! - `RELATED_IMAGE_` variables of operators

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

use walk::Walk;

mod field;
mod walk;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// API groups of other mirroring tools. Other list formats read their objects.
const FOREIGN_GROUPS: [&str; 3] =
    ["content.hauler.cattle.io/", "collection.hauler.cattle.io/", "mirror.openshift.io/"];

/// Reports whether the text holds manifests.
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

/// Parses the manifests.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        if is_foreign(root) {
            let group = root.text_of("apiVersion").unwrap_or_default();
            parsed.warn(
                root.place,
                format!("objects of {group} are not read: they are not manifests"),
            );
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

/// Reports whether the document names its kind. A truncated `List` may have no `kind` yet.
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
