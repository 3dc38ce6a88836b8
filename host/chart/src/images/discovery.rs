//! Unites what the renderings of a chart hold.

use std::collections::HashSet;

use longshore_oci::{Reference, ReferenceError};

use super::collected::Images;
use super::documents::findings;
use super::image::{Image, Remark, RemarkKind};
use super::rendering::Rendering;
use super::{hints, switched_off};
use crate::archive::Chart;

/// What the renderings of a chart hold.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// The images that an install, an operator or a test pulls.
    pub images: Vec<Image>,
    /// The images of components that the values switch off.
    pub disabled: Vec<Image>,
    /// The images that only the annotations of `Chart.yaml` name.
    pub hints: Vec<Image>,
    /// What was not taken, each text once.
    pub remarks: Vec<Remark>,
}

impl Discovery {
    /// Returns the images that a text of the user names: by the repository, or with tag and digest too.
    ///
    /// # Errors
    /// If the text is not a reference.
    pub fn named(&self, text: &str) -> Result<Vec<&Image>, ReferenceError> {
        let asked = Reference::of_image(text)?;
        let has_version = text.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
        let all = self.images.iter().chain(&self.disabled).chain(&self.hints);
        let is_asked = |image: &&Image| {
            let found = &image.reference;
            let same_version = asked.version == found.version
                || asked.version.digest().is_none() && asked.version.tag() == found.version.tag()
                || asked.version.tag().is_none()
                    && asked.version.digest() == found.version.digest();
            asked.name() == found.name() && (same_version || !has_version)
        };
        Ok(all.filter(is_asked).collect())
    }
}

/// Finds the images of a chart in its renderings.
#[must_use]
pub fn discover(chart: &Chart, renderings: &[Rendering<'_>]) -> Discovery {
    let mut images = Images::default();
    let mut remarks = Vec::new();
    for rendering in renderings {
        for rendered in rendering.rendered {
            for finding in findings(&rendered.text) {
                images.add(rendering.name, &rendered.template, finding, &mut remarks);
            }
        }
    }
    let mut disabled = Images::default();
    for rendering in renderings {
        switched_off::add(chart, rendering, &images, &mut disabled);
    }
    let mut hints = Images::default();
    hints::add(chart, &images, &mut hints);
    // A text that is taken somewhere needs no remark, and any other needs one.
    let mut said: HashSet<(RemarkKind, String)> = HashSet::new();
    remarks.retain(|remark: &Remark| {
        let is_taken = images.has_text(&remark.text);
        let text = match remark.kind {
            RemarkKind::NotTaken => remark.text.clone(),
            RemarkKind::OperatorChooses | RemarkKind::NotRead => remark.to_string(),
        };
        !(remark.kind == RemarkKind::NotTaken && is_taken) && said.insert((remark.kind, text))
    });
    Discovery {
        images: images.into_all(),
        disabled: disabled.into_all(),
        hints: hints.into_all(),
        remarks,
    }
}
