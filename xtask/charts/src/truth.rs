//! What each chart needs.

use std::path::Path;

use anyhow::{Context as _, Result};
use longshore_oci::Reference;
use serde::Deserialize;

/// The entry of a chart in `truth.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Expected {
    pub(crate) archive: String,
    pub(crate) chart: String,
    /// A file below `values/`, or flags of `helm template`.
    pub(crate) renders_with: Option<String>,
    pub(crate) images: Vec<Needed>,
}

/// An image of a chart.
#[derive(Debug, Deserialize)]
pub(crate) struct Needed {
    /// The complete reference.
    pub(crate) norm: String,
    /// `a` to `g`: where it stands.
    pub(crate) class: String,
    /// The template file, object and path.
    #[serde(rename = "where")]
    pub(crate) place: String,
    need: String,
}

impl Needed {
    /// Reports whether an install, an operator or a test pulls the image, and the chart names it.
    pub(crate) fn is_needed(&self) -> bool {
        matches!(self.class.as_str(), "a" | "b" | "c" | "d")
            && matches!(self.need.as_str(), "install" | "operand" | "test" | "artifact")
    }

    /// Reports whether a component that is switched off needs the image.
    pub(crate) fn is_disabled(&self) -> bool {
        self.class == "e" && self.need != "doubtful"
    }

    /// Returns the reference in the same form as found ones.
    pub(crate) fn reference(&self) -> String {
        Reference::of_image(&self.norm)
            .map_or_else(|_| self.norm.clone(), |found| found.to_string())
    }
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<Vec<Expected>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("failed to parse {}", path.display()))
}
