//! Collects images, each once with all its places.

use std::collections::HashMap;

use longshore_oci::Reference;
use longshore_plugin_images::{Finding, What};

use super::image::{Confidence, Image, Provenance, Remark, RemarkKind};

/// The most places that an image keeps. A template can repeat an image without end.
const MOST_PLACES: usize = 256;

/// Images without duplicates.
#[derive(Debug, Default)]
pub(super) struct Images {
    all: Vec<Image>,
    /// Positions by complete reference.
    known: HashMap<Reference, usize>,
    /// Positions by the text in the chart.
    written: HashMap<String, usize>,
}

impl Images {
    /// Returns the images in the order in which they were found.
    pub(super) fn into_all(self) -> Vec<Image> {
        self.all
    }

    /// Reports whether a text in the chart is one of the images.
    pub(super) fn has_text(&self, written: &str) -> bool {
        self.written.contains_key(written)
    }

    /// Reports whether a rendering has the image.
    pub(super) fn has(&self, reference: &Reference) -> bool {
        self.known.contains_key(reference)
    }

    /// Reports whether a rendering has an image of the repository.
    pub(super) fn has_repository(&self, reference: &Reference) -> bool {
        self.all.iter().any(|image| image.reference.name() == reference.name())
    }

    /// Reports whether a rendering has an image of this path, perhaps below another one and from another
    /// registry.
    pub(super) fn has_path(&self, reference: &Reference) -> bool {
        self.all.iter().any(|image| is_below(&image.reference, reference))
    }

    /// Like [`has_path`](Self::has_path), with the version too.
    pub(super) fn has_path_and_version(&self, reference: &Reference) -> bool {
        let same = |image: &Image| image.reference.version == reference.version;
        self.all.iter().any(|image| same(image) && is_below(&image.reference, reference))
    }

    /// Adds a finding: an image, or a remark.
    pub(super) fn add(
        &mut self,
        values: &str,
        template: &str,
        finding: Finding,
        remarks: &mut Vec<Remark>,
    ) {
        let provenance = Provenance::new(values, template, finding.origin);
        let (kind, text, message) = match finding.what {
            What::Image(text) => match Reference::of_image(&text) {
                Ok(reference) => {
                    return self.insert(reference, text, Confidence::Sure, provenance);
                }
                Err(error) => {
                    let message = format!("`{text}` is not taken: {error}");
                    (RemarkKind::NotTaken, text, message)
                }
            },
            What::Likely { reference: text, why } => match Reference::of_image(&text) {
                Ok(reference) => {
                    return self.insert(reference, text, Confidence::Likely, provenance);
                }
                Err(_) => not_taken(text, &why),
            },
            What::Doubtful { reference, why } => not_taken(reference, &why),
            What::Unnamed { version, .. } => {
                let message = format!("the operator chooses: {version} without a name");
                (RemarkKind::OperatorChooses, version, message)
            }
            What::Remark(message) => (RemarkKind::NotRead, String::new(), message),
        };
        remarks.push(Remark { kind, text, message, provenance });
    }

    /// Adds an image, or a place of one that is known.
    pub(super) fn insert(
        &mut self,
        reference: Reference,
        written: String,
        confidence: Confidence,
        provenance: Provenance,
    ) {
        let next = self.all.len();
        let at = *self.known.entry(reference.clone()).or_insert(next);
        self.written.insert(written.clone(), at);
        let Some(image) = self.all.get_mut(at) else {
            let provenance = vec![provenance];
            return self.all.push(Image { reference, written, confidence, provenance });
        };
        if image.provenance.contains(&provenance) {
            return;
        }
        if confidence > image.confidence {
            image.confidence = confidence;
            image.provenance.insert(0, provenance);
        } else if image.provenance.len() < MOST_PLACES {
            image.provenance.push(provenance);
        }
    }
}

/// Reports whether the path of an image ends with that of another.
fn is_below(image: &Reference, other: &Reference) -> bool {
    let path = other.repository.as_str().trim_start_matches("library/");
    let before = image.repository.as_str().strip_suffix(path);
    before.is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

fn not_taken(text: String, why: &str) -> (RemarkKind, String, String) {
    let message = format!("`{text}` may be an image, but {why}");
    (RemarkKind::NotTaken, text, message)
}
