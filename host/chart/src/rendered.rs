//! The result of rendering a chart.

/// What one template of a chart renders to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Path of the template, from the chart's folder on: `vault/templates/server.yaml`.
    pub template: String,
    /// Its YAML documents, hooks included.
    pub text: String,
}
