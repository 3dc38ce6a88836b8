//! The list format `oc-mirror`: the additional images of an `ImageSetConfiguration`.
//!
//! ```text
//! apiVersion: mirror.openshift.io/v2alpha1
//! kind: ImageSetConfiguration
//! mirror:
//!   additionalImages:
//!   - name: registry.redhat.io/ubi9/ubi:latest
//! ```
//!
//! Only oc-mirror itself can resolve releases, operators and charts into images. Each such section
//! gets a warning that it is not mirrored.

mod images;

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

longshore_plugin_sdk::export_list_format!(probe, parse);

const GROUP: &str = "mirror.openshift.io/";
const KIND: &str = "ImageSetConfiguration";

/// Keys that configure how oc-mirror works.
const IGNORED: &[(&str, &str)] = &[
    ("archiveSize", "longshore makes no archives"),
    ("storageConfig", "longshore keeps no state between runs"),
];

/// Sections whose images only oc-mirror can resolve.
const SECTIONS: &[(&str, &str)] = &[
    ("helm", NOT_MIRRORED),
    ("operators", NOT_MIRRORED),
    ("platform", NOT_MIRRORED),
    ("samples", NOT_MIRRORED),
];
const NOT_MIRRORED: &str = "its content is not mirrored";

/// Reports whether the text is an oc-mirror configuration.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    match roots.iter().filter(|root| is_image_set(root)).count() {
        0 => Confidence::No,
        found if found == roots.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Parses the configuration.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        match (is_image_set(root), root.text_of("kind")) {
            (true, _) => image_set(&mut parsed, root),
            (false, Some(kind)) => {
                parsed.warn(root.place, format!("kind {kind} is not mirrored"));
            }
            (false, None) => parsed.error(root.place, format!("the document is not an {KIND}")),
        }
    }
    parsed.in_order()
}

fn is_image_set(root: &Node) -> bool {
    let version = root.text_of("apiVersion").unwrap_or_default();
    version.starts_with(GROUP) && root.text_of("kind") == Some(KIND)
}

fn image_set(parsed: &mut Parsed, root: &Node) {
    if let Some(keys) = root.as_mapping() {
        keys.warn_unused(&["apiVersion", "kind", "mirror"], IGNORED, parsed);
    }
    let Some(mirror) = root.get("mirror") else {
        parsed.error(root.place, "there is no `mirror` section");
        return;
    };
    let Some(sections) = mirror.expect_mapping("`mirror`", parsed) else { return };
    sections.warn_unused(&["additionalImages", "blockedImages"], SECTIONS, parsed);
    images::read(parsed, mirror);
}

#[cfg(test)]
mod tests;
