//! Chart renderers.

pub use crate::bindings::chart_render::{File, Manifest, Release};

use crate::PluginError;

/// A configured chart renderer. [`export_chart_render!`](crate::export_chart_render) makes it a
/// component.
pub trait ChartRender: Sized {
    /// Parses the configuration, a JSON object.
    ///
    /// # Errors
    /// Returns what is wrong with it as one lower-case fragment.
    fn from_config(json: &str) -> Result<Self, String>;

    /// Renders the unpacked files of a chart with YAML texts of values; a later one overrides an
    /// earlier one.
    ///
    /// # Errors
    /// Fails with [`PluginError::Other`] and one of the codes that the contract names.
    fn render(
        &self,
        files: &[File],
        values: &[String],
        release: &Release,
    ) -> Result<Vec<Manifest>, PluginError>;
}
