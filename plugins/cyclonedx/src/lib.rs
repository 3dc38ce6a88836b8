//! The list format `cyclonedx`: the images that a CycloneDX bill of materials in JSON names.
//!
//! It takes the described component and all nested components with a package URL of type `oci` or
//! `docker`. Other components are the content of images.

use longshore_plugin_purl::{Purls, left_out, nothing_found, unwrapped};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

longshore_plugin_sdk::export_list_format!(probe, parse);

/// The value of `bomFormat`.
const FORMAT: &str = "CycloneDX";

/// Reports whether the text is a CycloneDX bill of materials.
#[must_use]
pub fn probe(file_name: &str, head: &str) -> Confidence {
    if is_xml(head) {
        return Confidence::Certain;
    }
    let roots = outline(head);
    let Some(root) = roots.first().filter(|root| root.as_mapping().is_some()) else {
        return Confidence::No;
    };
    match unwrapped(root).text_of("bomFormat") {
        Some(FORMAT) => Confidence::Certain,
        // The key may be beyond the part that the probe gets.
        None if file_name.ends_with(".cdx.json") => Confidence::Maybe,
        _ => Confidence::No,
    }
}

/// Reports whether the text is a CycloneDX bill of materials in XML.
fn is_xml(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let start = &text[..text.floor_char_boundary(4096)];
    start.starts_with('<') && start.contains("cyclonedx.org/schema/bom")
}

/// Parses the bill of materials.
#[must_use]
pub fn parse(file_name: &str, text: &str) -> Parsed {
    if is_xml(text) {
        let mut parsed = Parsed::default();
        let file = if file_name == "-" { "FILE" } else { file_name };
        let message = format!(
            "the document is XML, make JSON of it: `cyclonedx convert --input-file {file} \
             --input-format xml --output-file {file}.cdx.json --output-format json`"
        );
        parsed.error(Place { line: 1, column: 0 }, message);
        return parsed;
    }
    let (mut parsed, roots) = Parsed::of_yaml(text);
    for root in &roots {
        let root = unwrapped(root);
        if root.text_of("bomFormat") != Some(FORMAT) {
            parsed.error(root.place, "the document is not CycloneDX");
            continue;
        }
        let mut components = Components { parsed: &mut parsed, purls: Purls::default() };
        if let Some(described) = root.path(&["metadata", "component"]) {
            components.component(described);
        }
        components.list(root);
        components.purls.finish(&mut parsed);
        nothing_found(&mut parsed, root.place, "component");
    }
    parsed.in_order()
}

/// Walks the components.
struct Components<'p> {
    parsed: &'p mut Parsed,
    purls: Purls,
}

impl Components<'_> {
    fn component(&mut self, component: &Node) {
        let is_image = match component.get("purl") {
            // `expect_text` reports values that cannot be read.
            Some(purl) => purl
                .expect_text("`purl`", self.parsed)
                .is_none_or(|text| self.purls.take(self.parsed, purl.place, text)),
            None => false,
        };
        if !is_image && component.text_of("type") == Some("container") {
            left_out(self.parsed, component.place, component.text_of("name"));
        }
        self.list(component);
    }

    fn list(&mut self, parent: &Node) {
        let Some(components) = parent.get("components") else { return };
        for component in components.expect_sequence("`components`", self.parsed).unwrap_or_default()
        {
            self.component(component);
        }
    }
}

#[cfg(test)]
mod tests;
