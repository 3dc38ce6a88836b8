//! What a run of `mirror-charts` will do, as the report shows it.

use serde::Serialize;

/// The charts of a run, in the order of the configuration.
#[derive(Debug, Default)]
pub(crate) struct ChartPlan {
    /// The target of charts: registry, path and prefix.
    pub(crate) target: String,
    /// The target of images: registry and path.
    pub(crate) base: String,
    /// The charts by key.
    pub(crate) groups: Vec<ChartGroup>,
    /// True if nobody looked for the images of the charts.
    pub(crate) charts_only: bool,
}

/// The versions of one upstream.
#[derive(Debug)]
pub(crate) struct ChartGroup {
    pub(crate) key: String,
    pub(crate) chart: String,
    pub(crate) versions: Vec<ChartVersion>,
}

/// One version of a chart.
#[derive(Debug, Default)]
pub(crate) struct ChartVersion {
    /// The number of [`ChartVersion::failures`] in the failed list. It is greater than those of all jobs.
    pub(crate) number: u32,
    pub(crate) version: String,
    /// The address or path that it comes from; empty if it was not found.
    pub(crate) source: String,
    /// Why nothing of it can be mirrored.
    pub(crate) failure: Option<ChartFailure>,
    /// The job that copies the chart; `None` with `--images-only`.
    pub(crate) job: Option<u32>,
    /// The chart's reference at the target; empty without a job.
    pub(crate) target: String,
    /// Why its images are not known.
    pub(crate) images_failure: Option<ChartFailure>,
    /// The values that make it pull from the target.
    pub(crate) overlays: Vec<WrittenOverlay>,
    /// Why there are no such values.
    pub(crate) overlay_failure: Option<ChartFailure>,
    /// The images that it needs.
    pub(crate) images: Vec<ImageUse>,
    /// Images of components that the values switch off, and images that only annotations name.
    pub(crate) unused: Vec<UnusedImage>,
    /// What looked like an image and was not taken, and what only an operator decides.
    pub(crate) remarks: Vec<String>,
}

impl ChartVersion {
    /// Returns the failures that no job has.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &ChartFailure> {
        self.failure.iter().chain(&self.images_failure).chain(&self.overlay_failure)
    }
}

/// A file with values that make a chart pull its images from the target.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenOverlay {
    pub(crate) file: String,
    /// The values that it goes with; empty for the chart's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) values: String,
    /// The number of images that the values move.
    pub(crate) moved: usize,
    /// The images that no value moves.
    pub(crate) not_moved: Vec<NotMoved>,
}

/// An image that no value moves.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NotMoved {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) provenance: Vec<Place>,
}

/// An error and advice.
#[derive(Clone, Debug)]
pub(crate) struct ChartFailure {
    pub(crate) error: String,
    pub(crate) hint: Option<String>,
}

impl ChartFailure {
    /// Returns why it failed.
    pub(super) fn error(&self) -> &str {
        &self.error
    }

    /// Returns advice.
    pub(super) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// An image that a chart needs.
#[derive(Debug)]
pub(crate) struct ImageUse {
    /// The job that copies it.
    pub(crate) job: u32,
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) places: Vec<Place>,
}

/// An image that is not mirrored, and why it was found.
#[derive(Debug, Serialize)]
pub(crate) struct UnusedImage {
    pub(crate) source: String,
    /// Why it is not mirrored.
    pub(crate) reason: &'static str,
    pub(crate) provenance: Vec<Place>,
}

/// Where an image was found.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Place {
    /// The values of the rendering; empty for the chart's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) values: String,
    pub(crate) template: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) object: String,
    pub(crate) path: String,
    pub(crate) rule: String,
}

impl Place {
    /// Formats the place for people.
    pub(crate) fn text(&self) -> String {
        let mut text = self.template.clone();
        for part in [&self.object, &self.path] {
            if !part.is_empty() {
                text.push(' ');
                text.push_str(part);
            }
        }
        text.push_str(&format!(" (rule {}", self.rule));
        if !self.values.is_empty() {
            text.push_str(&format!(", values {}", self.values));
        }
        text.push(')');
        text
    }
}
