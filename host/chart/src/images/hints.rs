//! The images that the annotations of `Chart.yaml` name.

use longshore_oci::Reference;
use longshore_plugin_images::{Origin, Rule};
use longshore_plugin_sdk::yaml::read;

use super::collected::Images;
use super::image::{Confidence, Provenance};
use crate::archive::{Chart, Metadata};
use crate::effective::charts;

/// Annotations whose value is a YAML list of `{name, image}`.
const LISTS: [&str; 3] = ["artifacthub.io/images", "helm.sh/images", "images"];

/// Adds the images that only annotations of a chart and its subcharts name.
pub(super) fn add(chart: &Chart, images: &Images, hints: &mut Images) {
    for (folder, text) in charts(chart) {
        let Ok(metadata) = Metadata::parse(text) else { continue };
        let template = format!("{folder}Chart.yaml");
        for key in LISTS {
            let Some(list) = metadata.annotations.get(key) else { continue };
            for (index, image) in listed(list) {
                let Ok(reference) = Reference::of_image(&image) else { continue };
                if images.has(&reference) {
                    continue;
                }
                let path = format!("annotations[{key:?}]//[{index}].image");
                let origin = Origin { object: String::new(), path, rule: Rule::Annotation };
                let provenance = Provenance::new("", &template, origin);
                hints.insert(reference, image, Confidence::Likely, provenance);
            }
        }
    }
}

/// Returns the references of a list, with their positions.
fn listed(text: &str) -> Vec<(usize, String)> {
    let documents = read(text);
    let items = documents.whole().iter().flat_map(|root| root.items().iter().enumerate());
    items
        .filter_map(|(index, item)| Some((index, item.text_of("image")?.trim().to_owned())))
        .collect()
}
