//! Rendering charts: what a renderer gets, and what it returns.

mod helm;
mod kept;

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::Rendered;

pub use helm::HelmProgram;
pub use kept::KeptRenderings;

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

/// What keeps a chart from being rendered. It decides what can help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RenderFault {
    /// A template fails with these values.
    #[default]
    Template,
    /// A template or the chart wants another Kubernetes version.
    Kubernetes,
    /// A template wants API versions that the renderer does not assume.
    ApiVersions,
    /// The values do not fit the chart's schema, or are not values.
    Values,
    /// The chart is wrong by itself.
    Chart,
    /// The archive lacks charts that `Chart.yaml` names.
    Dependencies,
    /// A template uses up a limit of the renderer.
    Limit,
}

impl RenderFault {
    /// Reads what a template or Helm says about its fault.
    #[must_use]
    pub fn of_message(message: &str) -> Self {
        let text = message.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let names_version =
            text.contains("kubernetes") && text.bytes().any(|byte| byte.is_ascii_digit());
        if is_syntax(message) {
            return Self::Chart;
        }
        if has(&["kubeversion", "kubernetes version", "kube-version"]) {
            return Self::Kubernetes;
        }
        if has(&["api version", "apiversion", "api-version", " crd", "custom resource definition"])
            || text.split_whitespace().any(is_api_version)
        {
            return Self::ApiVersions;
        }
        if names_version { Self::Kubernetes } else { Self::Template }
    }
}

/// Reports whether a message says that a template is not one, whatever the values are. The words are those of Go's
/// parser; what a template says with `fail` has others.
fn is_syntax(message: &str) -> bool {
    let is_function = message.starts_with("function \"") && message.ends_with("\" not defined");
    let parts = ["if", "range", "with", "command", "parenthesized pipeline", "template clause"];
    let is_incomplete =
        message.strip_prefix("missing value for ").is_some_and(|part| parts.contains(&part));
    let starts = [
        "bad character U+",
        "undefined variable \"$",
        "unclosed action",
        "unclosed comment",
        "unclosed left paren",
        "unexpected \"",
        "unexpected EOF",
        "unexpected bad character U+",
        "unexpected unclosed ",
        "unexpected unterminated ",
        "unexpected {{",
        "unexpected <",
        "unterminated ",
    ];
    is_function
        || is_incomplete
        || message.contains("parse error at (")
        || starts.iter().any(|start| message.starts_with(start))
}

/// Reports whether a word is a group and version, such as `(monitoring.coreos.com/v1)`.
fn is_api_version(word: &str) -> bool {
    let word = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
    let Some((group, version)) = word.split_once('/') else { return false };
    let digits = version.strip_prefix('v').unwrap_or_default();
    group.contains('.')
        && group.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        && digits.starts_with(|first: char| first.is_ascii_digit())
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
    /// The kind of fault.
    pub fault: RenderFault,
    /// Advice of the renderer itself.
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
    /// A text that differs between renderers that may return different results for one input. `None` if
    /// the same input may give another result later.
    fn identity(&self) -> Option<String> {
        None
    }

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
    use super::{RenderError, RenderFault};

    #[test]
    fn an_error_names_the_place_that_is_known() {
        let mut error = RenderError { message: "nil pointer".to_owned(), ..RenderError::default() };
        assert_eq!(error.to_string(), "nil pointer");
        error.template = Some("a/templates/b.yaml".to_owned());
        assert_eq!(error.to_string(), "a/templates/b.yaml: nil pointer");
        error.line = Some(3);
        assert_eq!(error.to_string(), "a/templates/b.yaml:3: nil pointer");
    }

    #[test]
    fn messages_say_what_a_template_wants() {
        for (message, fault) in [
            ("chart requires kubeVersion: >=1.99.0", RenderFault::Kubernetes),
            ("needs Kubernetes 1.99", RenderFault::Kubernetes),
            ("Unsupported Kubernetes version", RenderFault::Kubernetes),
            ("needs the CRDs (monitoring.coreos.com/v1)", RenderFault::ApiVersions),
            ("Prometheus is on but the API version is unknown", RenderFault::ApiVersions),
            ("install snapshot.storage.k8s.io/v1beta1 first", RenderFault::ApiVersions),
            ("a value is needed: .Values.kubernetes", RenderFault::Template),
            ("see https://example.com/v1", RenderFault::Template),
            ("template a/b not defined", RenderFault::Template),
            ("function \"env\" not defined", RenderFault::Chart),
            ("missing value for if", RenderFault::Chart),
            ("unexpected {{end}}", RenderFault::Chart),
            ("unclosed action started at a.yaml:3", RenderFault::Chart),
            ("undefined variable \"$x\"", RenderFault::Chart),
            ("parse error at (a/templates/b.yaml:1): missing value for if", RenderFault::Chart),
            ("missing value for db.host", RenderFault::Template),
            ("unexpected value of mode", RenderFault::Template),
            ("the function \"x\" is not defined in values", RenderFault::Template),
        ] {
            assert_eq!(RenderFault::of_message(message), fault, "{message}");
        }
    }
}
