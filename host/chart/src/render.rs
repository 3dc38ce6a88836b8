//! Rendering charts: what a renderer gets, and what it returns.

mod helm;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Rendered;

pub use helm::HelmProgram;

/// The input of one rendering.
#[derive(Clone, Debug, Default)]
pub struct RenderInput {
    /// The files of the chart and its subcharts, with their paths inside the chart's folder:
    /// `Chart.yaml`, `templates/server.yaml`, `charts/redis/Chart.yaml`. Renderings of one chart share
    /// them.
    pub files: Arc<Vec<(String, Vec<u8>)>>,
    /// YAML texts over the chart's own values. A later one overrides an earlier one.
    pub values: Vec<String>,
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Kubernetes version that the chart sees, such as `1.31`; `None` is the renderer's default.
    pub kube_version: Option<String>,
    /// API versions that the chart sees beside the renderer's default.
    pub api_versions: Vec<String>,
    /// Whether to leave out hooks that are tests.
    pub skip_tests: bool,
}

/// A chart could not be rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct RenderError {
    /// Path of the template, if the renderer names one.
    pub template: Option<String>,
    /// Line in the template, counted from 1.
    pub line: Option<u32>,
    /// The cause: one lower-case fragment.
    pub message: String,
    /// Advice for the user.
    pub hint: Option<String>,
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(template) = &self.template {
            write!(f, "{template}:")?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.message)
    }
}

/// Renders charts. Renderings may run concurrently.
pub trait Renderer: fmt::Debug + Send + Sync {
    /// Renders a chart: one item per template that has output. `NOTES.txt` and CRDs are left out.
    ///
    /// # Errors
    /// If the chart, its values or a template are wrong, or the renderer exceeds its limits.
    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>>;
}

#[cfg(test)]
mod tests {
    use super::RenderError;

    #[test]
    fn an_error_names_the_place_that_is_known() {
        let mut error = RenderError { message: "nil pointer".to_owned(), ..RenderError::default() };
        assert_eq!(error.to_string(), "nil pointer");
        error.template = Some("a/templates/b.yaml".to_owned());
        assert_eq!(error.to_string(), "a/templates/b.yaml: nil pointer");
        error.line = Some(3);
        assert_eq!(error.to_string(), "a/templates/b.yaml:3: nil pointer");
    }
}
