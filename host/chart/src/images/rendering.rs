//! A rendering, as discovery gets it.

use crate::Rendered;

/// One rendering of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// The values of the rendering, as provenance shows them; empty for the chart's own.
    pub name: &'a str,
    /// The YAML texts over the chart's own values. A later one overrides an earlier one.
    pub values: &'a [String],
    /// What the templates render to.
    pub rendered: &'a [Rendered],
}
