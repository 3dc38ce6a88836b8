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
//! Releases, operators and charts need oc-mirror itself to find out what they are made of; each such
//! section is said not to be mirrored.

mod images;

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

const GROUP: &str = "mirror.openshift.io/";
const KIND: &str = "ImageSetConfiguration";

/// What is for the work of oc-mirror itself.
const WHOLE: &[(&str, &str)] = &[
    ("archiveSize", "longshore makes no archives"),
    ("storageConfig", "longshore keeps no state between runs"),
];

/// What only oc-mirror finds out the images of.
const SECTIONS: &[(&str, &str)] = &[
    ("helm", NOT_MIRRORED),
    ("operators", NOT_MIRRORED),
    ("platform", NOT_MIRRORED),
    ("samples", NOT_MIRRORED),
];
const NOT_MIRRORED: &str = "what it names is not mirrored";

/// Says whether the text is a configuration of oc-mirror.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    match roots.iter().filter(|root| is_image_set(root)).count() {
        0 => Confidence::No,
        found if found == roots.len() => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Reads the configuration.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        match (is_image_set(root), root.text_of("kind")) {
            (true, _) => image_set(&mut parsed, root),
            (false, Some(kind)) => {
                parsed.warn(root.place, format!("what is of kind {kind} is not mirrored"));
            }
            (false, None) => parsed.error(root.place, format!("the document is no {KIND}")),
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
        keys.warn_unused(&["apiVersion", "kind", "mirror"], WHOLE, parsed);
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
