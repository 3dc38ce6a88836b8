//! Unites what the renderings of a chart hold.

use std::collections::HashSet;
use std::fmt;

use longshore_oci::{Reference, ReferenceError};

use super::collected::Images;
use super::documents::read_template;
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
    /// The templates that render to text which is not YAML, each once. Images may be missing.
    pub broken: Vec<BrokenTemplate>,
}

/// A template that renders to text which is not YAML. Helm does not install such a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenTemplate {
    /// The values of the rendering; empty for the chart's own.
    pub values: String,
    /// Path of the template, from the chart's folder on.
    pub template: String,
    /// Line and cause.
    pub message: String,
}

/// Formats as `TEMPLATE: rendered text is not valid YAML: MESSAGE`.
impl fmt::Display for BrokenTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: rendered text is not valid YAML: {}", self.template, self.message)
    }
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

/// Finds the images of a chart in its renderings. Without any, all images of its values are disabled.
#[must_use]
pub fn discover(chart: &Chart, renderings: &[Rendering<'_>]) -> Discovery {
    let mut images = Images::default();
    let mut remarks = Vec::new();
    let mut broken = Vec::new();
    for rendering in renderings {
        for rendered in rendering.rendered {
            let read = read_template(&rendered.text);
            for finding in read.findings {
                images.add(rendering.name, &rendered.template, finding, &mut remarks);
            }
            broken.extend(read.broken.map(|message| BrokenTemplate {
                values: rendering.name.to_owned(),
                template: rendered.template.clone(),
                message,
            }));
        }
    }
    let mut disabled = Images::default();
    let unrendered = [Rendering { name: "", values: &[], rendered: &[] }];
    let with_values = if renderings.is_empty() { &unrendered } else { renderings };
    for rendering in with_values {
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
        broken,
    }
}
