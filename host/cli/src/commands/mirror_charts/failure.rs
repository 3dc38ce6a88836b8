//! Why a chart or its images cannot be mirrored, and what helps.

use longshore_chart::config::{Upstream, ValuesFile};
use longshore_chart::images::BrokenTemplate;
use longshore_chart::source::SourceError;
use longshore_chart::{RenderError, RenderFault};

use crate::report::ChartFailure;

/// Why a chart or its images cannot be mirrored.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatherError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("render {place}: {error}")]
    Render { place: String, error: RenderError, hint: String },
    #[error("render {place}: {broken}")]
    Broken { place: String, broken: String, hint: String },
    #[error("find the images of {0}: there are none")]
    NoImages(String),
    #[error("keep the chart {name}: {error}")]
    Keep { name: String, error: std::io::Error },
    #[error("use {what} {text:?} in a registry: {error}")]
    Name { what: &'static str, text: String, error: longshore_oci::ReferenceError },
}

impl GatherError {
    /// A rendering of the chart at `place` failed.
    pub(super) fn render(
        upstream: &Upstream,
        place: &str,
        layers: &[ValuesFile],
        error: RenderError,
    ) -> Self {
        let hint = error.hint.clone().unwrap_or_else(|| advice(upstream, layers, error.fault));
        Self::Render { place: with_values(place, &name_of(layers)), error, hint }
    }

    /// Templates of the chart at `place` render to what is not YAML; `None` if all of it is YAML.
    pub(super) fn broken(
        upstream: &Upstream,
        place: &str,
        broken: &[BrokenTemplate],
    ) -> Option<Self> {
        let first = broken.first()?;
        let place = with_values(place, &first.values);
        let hint = format!(
            "give upstream {:?} `values` with which it renders to YAML, or add the images of this template to `images`",
            upstream.key
        );
        let texts: Vec<String> = broken.iter().map(ToString::to_string).collect();
        Some(Self::Broken { place, broken: texts.join("; "), hint })
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(error) => error.hint(),
            Self::Render { hint, .. } | Self::Broken { hint, .. } => Some(hint.clone()),
            Self::NoImages(_) => Some(
                "set `allow-empty: true` if the chart needs none, or give `values` that switch its parts on"
                    .to_owned(),
            ),
            Self::Keep { .. } | Self::Name { .. } => None,
        }
    }

    /// One failure for all errors about the images of a chart; `None` if there are none. The first hint
    /// counts.
    pub(super) fn failure_of(errors: &[Self]) -> Option<ChartFailure> {
        let first = errors.first()?;
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Some(ChartFailure { error: texts.join("; "), hint: first.hint() })
    }

    pub(super) fn failure(&self) -> ChartFailure {
        ChartFailure { error: self.to_string(), hint: self.hint() }
    }
}

/// The name of a set of values: its files.
pub(super) fn name_of(layers: &[ValuesFile]) -> String {
    let paths: Vec<&str> = layers.iter().map(|file| file.path.as_str()).collect();
    paths.join("+")
}

fn with_values(place: &str, values: &str) -> String {
    if values.is_empty() { place.to_owned() } else { format!("{place} with {values}") }
}

/// What helps against a fault.
fn advice(upstream: &Upstream, layers: &[ValuesFile], fault: RenderFault) -> String {
    let key = &upstream.key;
    let values = || match layers {
        [] => format!("give upstream {key:?} `values` with which the chart renders"),
        _ => format!("correct the `values` of upstream {key:?}: {}", name_of(layers)),
    };
    match fault {
        RenderFault::Kubernetes => {
            format!("set `kube-version` of upstream {key:?} in the configuration")
        }
        RenderFault::ApiVersions => format!(
            "add what the cluster has to `api-versions` of upstream {key:?}, or {}",
            values()
        ),
        RenderFault::Chart => {
            "the chart itself is wrong: mirror another version, or tell its authors".to_owned()
        }
        RenderFault::Dependencies => {
            "the archive is incomplete: unpack it and give the folder with `type: local`, \
             and longshore fetches what is missing"
                .to_owned()
        }
        RenderFault::Limit => format!("{}, or use --renderer helm", values()),
        RenderFault::Template | RenderFault::Values => values(),
    }
}

#[cfg(test)]
mod tests {
    use longshore_chart::config::{Config, Upstream, ValuesFile};
    use longshore_chart::{RenderError, RenderFault};

    use super::GatherError;

    fn upstream() -> Upstream {
        let text = "target: {url: m.io}\nupstreams:\n  k: {type: local, path: ., chart: c, versions: [1.0.0]}\n";
        let config = Config::parse("mirror.yaml".as_ref(), text).expect("a configuration");
        config.upstreams.into_iter().next().expect("an upstream")
    }

    #[test]
    fn each_fault_has_its_way_out() {
        let layers = [ValuesFile { path: "v.yaml".to_owned(), text: String::new() }];
        for (fault, without, with) in [
            (RenderFault::Kubernetes, "`kube-version` of upstream \"k\"", "`kube-version`"),
            (RenderFault::ApiVersions, "`api-versions` of upstream \"k\"", "`api-versions`"),
            (RenderFault::Values, "give upstream \"k\" `values`", "correct the `values`"),
            (RenderFault::Template, "give upstream \"k\" `values`", "upstream \"k\": v.yaml"),
            (RenderFault::Chart, "another version", "another version"),
            (RenderFault::Dependencies, "the archive is incomplete", "`type: local`"),
            (RenderFault::Limit, "--renderer helm", "--renderer helm"),
        ] {
            for (layers, expected) in [(&[][..], without), (&layers[..], with)] {
                let error = RenderError { fault, ..RenderError::default() };
                let failure = GatherError::render(&upstream(), "c.tgz", layers, error).failure();
                let hint = failure.hint.unwrap_or_default();
                assert!(hint.contains(expected), "{fault:?}: {hint}");
                assert_eq!(failure.error.contains("c.tgz with v.yaml"), !layers.is_empty());
            }
        }
        let hint = Some("own".to_owned());
        let error = RenderError { hint: hint.clone(), ..RenderError::default() };
        assert_eq!(GatherError::render(&upstream(), "c", &[], error).failure().hint, hint);
    }
}
