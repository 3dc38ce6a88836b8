//! What was found out about each version of a chart before the plan.

use longshore_chart::RenderInput;
use longshore_chart::archive::Chart;
use longshore_oci::Reference;

use crate::report::{ChartFailure, Place, UnusedImage};

/// The versions of one upstream.
pub(super) struct FoundChart {
    pub(super) key: String,
    pub(super) chart: String,
    pub(super) versions: Vec<FoundVersion>,
}

/// One version of a chart: where it comes from, and what it needs.
#[derive(Default)]
pub(super) struct FoundVersion {
    /// The version in `Chart.yaml`; the wish if there is no such chart.
    pub(super) version: String,
    /// The address or path.
    pub(super) place: String,
    /// The chart to copy; `None` with `--images-only` or after a failure.
    pub(super) artifact: Option<Artifact>,
    pub(super) failure: Option<ChartFailure>,
    pub(super) images_failure: Option<ChartFailure>,
    pub(super) images: Vec<FoundImage>,
    pub(super) unused: Vec<UnusedImage>,
    pub(super) remarks: Vec<String>,
    /// How it was rendered; `None` without `--values-overlay`.
    pub(super) renderings: Option<Renderings>,
}

/// A chart, and the inputs of its renderings by the names of their values.
pub(super) struct Renderings {
    pub(super) chart: Chart,
    pub(super) inputs: Vec<(String, RenderInput)>,
}

/// The source of a chart's artifact, and its name and tag at the target.
pub(super) struct Artifact {
    pub(super) source: Reference,
    pub(super) name: String,
    pub(super) tag: String,
}

/// An image that a chart needs.
pub(super) struct FoundImage {
    pub(super) reference: Reference,
    pub(super) places: Vec<Place>,
}
