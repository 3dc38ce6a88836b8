//! The list format `spdx`: the images that an SPDX document in JSON names, of SPDX 2 or of SPDX 3.
//!
//! Those are the packages with a package URL of the type `oci` or `docker`. Other packages are what
//! images are made of.

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::outline;

mod version2;
mod version3;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// How files of such documents are called.
const FILE_NAMES: [&str; 2] = [".spdx.json", ".spdx3.json"];

/// Says whether the text is such a document.
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
        // The key may stand behind more than is shown.
        Confidence::Maybe
    } else {
        Confidence::No
    }
}

/// Reads the document.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        if version2::is_document(root) {
            version2::read(&mut parsed, root);
        } else if version3::is_document(root) {
            version3::read(&mut parsed, root);
        } else {
            parsed.error(root.place, "the document is neither of SPDX 2 nor of SPDX 3");
        }
    }
    parsed.in_order()
}

#[cfg(test)]
mod tests;
