//! The list format `spdx`: the images in an SPDX 2 or SPDX 3 document in JSON or YAML, and in an
//! SPDX 2 document in the tag-value format.
//!
//! It takes the packages with a package URL of type `oci` or `docker`. Other packages are the
//! content of images.

use longshore_plugin_purl::{nothing_found, unwrapped};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::outline;

mod tag_value;
mod version2;
mod version3;

longshore_plugin_sdk::export_list_format!(probe, parse);

/// File name endings of SPDX documents.
const FILE_NAMES: [&str; 2] = [".spdx.json", ".spdx3.json"];

/// Reports whether the text is an SPDX document.
#[must_use]
pub fn probe(file_name: &str, head: &str) -> Confidence {
    if tag_value::is_document(head) || kind_of_xml(head).is_some() {
        return Confidence::Certain;
    }
    let roots = outline(head);
    let Some(root) = roots.first().filter(|root| root.as_mapping().is_some()) else {
        return Confidence::No;
    };
    let root = unwrapped(root);
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

/// Returns the kind of XML if the text is an SPDX 2 document in one.
fn kind_of_xml(text: &str) -> Option<&'static str> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let start = &text[..text.floor_char_boundary(4096)];
    let has = |word| start.starts_with('<') && start.contains(word);
    if has("spdx.org/rdf/terms") {
        return Some("RDF/XML");
    }
    (has("<spdxVersion>") || has("<SPDXID>")).then_some("XML")
}

/// Parses the document.
#[must_use]
pub fn parse(file_name: &str, text: &str) -> Parsed {
    if tag_value::is_document(text) {
        let mut parsed = Parsed::default();
        tag_value::read(&mut parsed, text);
        nothing_found(&mut parsed, Place { line: 0, column: 0 }, "package");
        return parsed.in_order();
    }
    if let Some(kind) = kind_of_xml(text) {
        let mut parsed = Parsed::default();
        let file = if file_name == "-" { "FILE" } else { file_name };
        let message = format!(
            "the document is {kind}, make JSON of it: `pyspdxtools -i {file} -o {file}.spdx.json`"
        );
        parsed.error(Place { line: 1, column: 0 }, message);
        return parsed;
    }
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        let root = unwrapped(root);
        if version2::is_document(root) {
            version2::read(&mut parsed, root);
            nothing_found(&mut parsed, root.place, "package");
        } else if version3::is_document(root) {
            version3::read(&mut parsed, root);
            nothing_found(&mut parsed, root.place, "package");
        } else {
            parsed.error(root.place, "the document is neither SPDX 2 nor SPDX 3");
        }
    }
    parsed.in_order()
}

#[cfg(test)]
mod tests;
