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
//! The crate `longshore-plugin-images` finds the images in objects of any kind, custom resources
//! included: by the names of fields, in arguments, variables and texts. What only looks like an image
//! gets a warning. The file of kustomize needs no kind.

use longshore_plugin_images::{KUSTOMIZE_IS_NOT_RUN, is_kustomization};
use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

longshore_plugin_sdk::export_list_format!(probe, parse);

/// API groups of other mirroring tools. Other list formats read their objects.
const FOREIGN_GROUPS: [&str; 3] =
    ["content.hauler.cattle.io/", "collection.hauler.cattle.io/", "mirror.openshift.io/"];

/// A head of more bytes may be the start of a longer text.
const LONG: usize = 32 * 1024;

/// Reports whether the text holds manifests.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let objects = roots.iter().filter(|root| is_object(root) || is_kustomization(root)).count();
    if roots.iter().any(|root| is_foreign(root)) {
        return Confidence::No;
    }
    let is_cut = head.len() > LONG && roots.last().is_some_and(|root| is_start_of_object(root));
    match objects {
        0 if is_cut => Confidence::Maybe,
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
            if root.get("kind").is_none() && is_kustomization(root) {
                parsed.warn(root.place, KUSTOMIZE_IS_NOT_RUN);
            } else if !is_object(root) && !is_kustomization(root) {
                parsed.warn(root.place, "the document has no apiVersion and kind");
            }
            longshore_plugin_images::add(longshore_plugin_images::find(root), &mut parsed);
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

/// Reports whether an object starts here whose kind comes later: sorted keys put it behind the data.
fn is_start_of_object(root: &Node) -> bool {
    let version = root.text_of("apiVersion").unwrap_or_default();
    let version = version.rsplit('/').next().unwrap_or_default();
    let number = version.strip_prefix('v').unwrap_or_default();
    number.starts_with(|first: char| first.is_ascii_digit())
}

fn is_foreign(root: &Node) -> bool {
    root.text_of("apiVersion")
        .is_some_and(|version| FOREIGN_GROUPS.iter().any(|group| version.starts_with(group)))
}

#[cfg(test)]
mod tests;
