//! The list format `spdx`: the images that an SPDX 2 document in JSON names.
//!
//! Those are the packages with an external reference to a package URL of the type `oci` or `docker`.
//! Other packages are what images are made of.

use longshore_plugin_purl::Purls;
use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// What `spdxVersion` starts with.
const VERSION: &str = "SPDX-2.";

/// Says whether the text is such a document.
#[must_use]
pub fn probe(file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let Some(root) = roots.first().filter(|root| root.as_mapping().is_some()) else {
        return Confidence::No;
    };
    match root.text_of("spdxVersion") {
        Some(version) if version.starts_with(VERSION) => Confidence::Certain,
        // The key may stand behind more than is shown.
        None if file_name.ends_with(".spdx.json") || is_third(root) => Confidence::Maybe,
        _ => Confidence::No,
    }
}

/// Reads the document.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        match root.text_of("spdxVersion") {
            Some(version) if version.starts_with(VERSION) => document(&mut parsed, root),
            _ if is_third(root) => parsed.error(root.place, "documents of SPDX 3 are not read"),
            _ => parsed.error(root.place, "the document is not of SPDX 2"),
        }
    }
    parsed.in_order()
}

/// Whether it is a document of SPDX 3, which is built in another way.
fn is_third(root: &Node) -> bool {
    root.text_of("@context").is_some_and(|context| context.contains("spdx.org/rdf/3"))
}

fn document(parsed: &mut Parsed, root: &Node) {
    let mut purls = Purls::default();
    for package in root.get("packages").map(Node::items).unwrap_or_default() {
        let references = package.get("externalRefs").map(Node::items).unwrap_or_default();
        let mut found = false;
        for reference in references {
            let kind = reference.text_of("referenceType").unwrap_or_default();
            if kind != "purl" && !kind.ends_with("/references/purl") {
                continue;
            }
            let Some(locator) = reference.get("referenceLocator") else {
                parsed.error(reference.place, "a purl has no `referenceLocator`");
                continue;
            };
            if let Some(purl) = locator.expect_text("`referenceLocator`", parsed) {
                found = true;
                purls.take(parsed, locator.place, purl);
            }
        }
        if !found && package.text_of("primaryPackagePurpose") == Some("CONTAINER") {
            let name = package.text_of("name").unwrap_or_default();
            let message = format!("the container `{name}` has no purl, so it is not taken");
            parsed.warn(package.place, message);
        }
    }
    purls.finish(parsed);
}

#[cfg(test)]
mod tests;
