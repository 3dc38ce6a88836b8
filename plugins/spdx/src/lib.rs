//! The list format `spdx`: the images in an SPDX 2 or SPDX 3 document in JSON.
//!
//! It takes the packages with a package URL of type `oci` or `docker`. Other packages are the
//! content of images.

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::outline;

mod version2;
mod version3;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// File name endings of SPDX documents.
const FILE_NAMES: [&str; 2] = [".spdx.json", ".spdx3.json"];

/// Reports whether the text is an SPDX document.
#[must_use]
pub fn probe(file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let Some(root) = roots.first().filter(|root| root.as_mapping().is_some()) else {
        return Confidence::No;
    };
    let is_called = || FILE_NAMES.iter().any(|end| file_name.ends_with(end));
    if version2::is_document(root) || version3::is_document(root) {
        Confidence::Certain
    } else if root.get("spdxVersion").is_none() && is_called() {
        // The key may be beyond the part that the probe gets.
        Confidence::Maybe
    } else {
        Confidence::No
    }
}

/// Parses the document.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        if version2::is_document(root) {
            version2::read(&mut parsed, root);
        } else if version3::is_document(root) {
            version3::read(&mut parsed, root);
        } else {
            parsed.error(root.place, "the document is neither SPDX 2 nor SPDX 3");
        }
    }
    parsed.in_order()
}

#[cfg(test)]
mod tests;
