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

use longshore_plugin_document::{Listing, Node, outline};
use longshore_plugin_sdk::list::{Confidence, Parsed};

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

const GROUP: &str = "mirror.openshift.io/";
const KIND: &str = "ImageSetConfiguration";

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
    let (mut listing, roots) = Listing::read(text);
    for root in &roots {
        match (is_image_set(root), root.text_of("kind")) {
            (true, _) => image_set(&mut listing, root),
            (false, Some(kind)) => {
                listing.warn(root.at, format!("what is of kind {kind} is not mirrored"));
            }
            (false, None) => listing.fail(root.at, format!("the document is no {KIND}")),
        }
    }
    listing.finish()
}

fn is_image_set(root: &Node<'_>) -> bool {
    let version = root.text_of("apiVersion").unwrap_or_default();
    version.starts_with(GROUP) && root.text_of("kind") == Some(KIND)
}

fn image_set(listing: &mut Listing<'_>, root: &Node<'_>) {
    for member in root.members() {
        match &*member.key {
            "apiVersion" | "kind" | "mirror" => {}
            key => listing.warn(member.at, format!("`{key}` does nothing here")),
        }
    }
    let Some(mirror) = root.get("mirror").filter(|mirror| mirror.is_map()) else {
        listing.fail(root.at, "there is no `mirror` section");
        return;
    };
    for member in mirror.members() {
        match &*member.key {
            "additionalImages" => images(listing, &member.value),
            "blockedImages" => listing.warn(
                member.at,
                "`blockedImages` are not applied: every additional image is mirrored",
            ),
            "platform" | "operators" | "helm" | "samples" => {
                let message = format!("what `{}` names is not mirrored", member.key);
                listing.warn(member.at, message);
            }
            key => listing.warn(member.at, format!("`{key}` is not known, so it does nothing")),
        }
    }
}

fn images(listing: &mut Listing<'_>, images: &Node<'_>) {
    if images.items().is_empty() && !images.is_null() {
        listing
            .fail(images.at, format!("`additionalImages` must be a list, not {}", images.kind()));
    }
    for image in images.items() {
        for member in image.members().iter().filter(|member| member.key != "name") {
            let message = format!("`{}` of an image is not applied", member.key);
            listing.warn(member.at, message);
        }
        match image.get("name").and_then(|name| Some((name.at, name.text()?))) {
            Some((at, name)) => {
                let name = name.strip_prefix("docker://").unwrap_or(name);
                listing.image(at, name);
            }
            None => listing.fail(image.at, "an image has no `name`"),
        }
    }
}

#[cfg(test)]
mod tests;
