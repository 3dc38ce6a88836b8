//! Renders charts with a plugin: the built-in one with Helm's engine, or another component.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_chart::{RenderError, RenderFault, RenderInput, Rendered, Renderer};
use longshore_plugin_host::contract::{ChartFile, Manifest, Release};
use longshore_plugin_host::{Failure, Plugin, PluginError};
use tokio::task::JoinSet;

/// The name of the built-in renderer.
pub const BUILT_IN: &str = "helm-render";

/// A plugin that renders charts.
#[derive(Debug)]
pub struct PluginRenderer(Arc<Plugin>);

impl PluginRenderer {
    /// Makes a renderer of a loaded plugin of the kind `chart-render`.
    #[must_use]
    pub fn new(plugin: Plugin) -> Self {
        Self(Arc::new(plugin))
    }
}

impl Renderer for PluginRenderer {
    /// A plugin sees nothing but its input and configuration. Only the clock changes.
    fn identity(&self) -> Option<String> {
        Some(format!("{} {}", self.0.sha256(), self.0.config()))
    }

    fn render<'a>(
        &'a self,
        input: &'a RenderInput,
    ) -> BoxFuture<'a, Result<Vec<Rendered>, RenderError>> {
        async move {
            let file = |(path, content): &(String, Vec<u8>)| ChartFile {
                path: path.clone(),
                content: content.clone(),
            };
            let files: Vec<_> = input.files.iter().map(file).collect();
            let release = Release {
                name: input.release.clone(),
                namespace: input.namespace.clone(),
                kube_version: input.kube_version.clone(),
                api_versions: input.api_versions.clone(),
                skip_tests: input.skip_tests,
            };
            let (plugin, values) = (Arc::clone(&self.0), input.values.clone());
            // A task of its own, so that several renderings use several cores. Dropping the set ends it.
            let mut rendering = JoinSet::new();
            rendering.spawn(async move { plugin.render_chart(&files, &values, &release).await });
            match rendering.join_next().await {
                Some(Ok(Ok(manifests))) => Ok(by_template(manifests)),
                Some(Ok(Err(error))) => Err(explained(error)),
                Some(Err(error)) => {
                    Err(RenderError { message: error.to_string(), ..RenderError::default() })
                }
                None => Err(RenderError::default()),
            }
        }
        .boxed()
    }
}

/// Joins the documents of each template, in the order of their first documents.
fn by_template(manifests: Vec<Manifest>) -> Vec<Rendered> {
    let mut rendered: Vec<Rendered> = Vec::new();
    let mut known = HashMap::new();
    for Manifest { path, text } in manifests {
        match known.entry(path) {
            Entry::Occupied(place) => {
                let earlier: &mut Rendered = &mut rendered[*place.get()];
                earlier.text.push_str("\n---\n");
                earlier.text.push_str(&text);
            }
            Entry::Vacant(place) => {
                rendered.push(Rendered { template: place.key().clone(), text });
                place.insert(rendered.len() - 1);
            }
        }
    }
    rendered
}

/// Takes the place and the kind of fault out of an error.
fn explained(error: PluginError) -> RenderError {
    let hint = error.hint().map(str::to_owned);
    match error {
        PluginError::Call { failure: Failure::Coded { code, message }, .. } => {
            let located = match code.as_str() {
                "manifest" | "template" | "too-large" => located(&message),
                _ => RenderError { message: message.clone(), ..RenderError::default() },
            };
            let fault = match code.as_str() {
                "chart" => RenderFault::Chart,
                "dependencies" => RenderFault::Dependencies,
                "kube-version" => RenderFault::Kubernetes,
                // The schema itself is wrong, so no values fit.
                "values-schema"
                    if ["values.schema.json: ", "causing reference cycle"]
                        .iter()
                        .any(|words| message.contains(words)) =>
                {
                    RenderFault::Chart
                }
                "values" | "values-schema" => RenderFault::Values,
                "too-large" => RenderFault::Limit,
                "template" => RenderFault::of_message(&located.message),
                _ => RenderFault::Template,
            };
            RenderError { fault, ..located }
        }
        PluginError::Call { place: template, failure, .. } => {
            let fault = match failure {
                Failure::CpuTime { .. }
                | Failure::RunCpuTime { .. }
                | Failure::WallTime { .. }
                | Failure::OutOfMemory { .. }
                | Failure::ResultTooLarge { .. } => RenderFault::Limit,
                _ => RenderFault::Template,
            };
            let message = failure.to_string();
            RenderError { template, message, fault, hint, ..RenderError::default() }
        }
        error => RenderError { message: error.to_string(), hint, ..RenderError::default() },
    }
}

/// Reads `path:line:column: message`, where line and column may be missing.
fn located(message: &str) -> RenderError {
    let whole = RenderError { message: message.to_owned(), ..RenderError::default() };
    let Some((place, rest)) = message.split_once(": ") else { return whole };
    let mut parts = place.split(':');
    let template = parts.next().filter(|path| path.contains('/') && !path.contains(' '));
    let line = parts.next().map(str::parse::<u32>);
    match template {
        Some(template) if !matches!(line, Some(Err(_))) => RenderError {
            template: Some(template.to_owned()),
            line: line.and_then(Result::ok),
            message: rest.to_owned(),
            ..RenderError::default()
        },
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use longshore_plugin_host::Call;

    use super::{Failure, Manifest, PluginError, RenderFault, by_template, explained, located};

    #[test]
    fn documents_of_a_template_are_joined_in_their_order() {
        let manifest = |path: &str, text: &str| Manifest { path: path.into(), text: text.into() };
        let rendered = by_template(vec![
            manifest("c/templates/a.yaml", "a: 1"),
            manifest("c/templates/b.yaml", "b: 1"),
            manifest("c/templates/a.yaml", "a: 2"),
        ]);
        let rendered: Vec<_> =
            rendered.iter().map(|one| (one.template.as_str(), one.text.as_str())).collect();
        assert_eq!(
            rendered,
            [("c/templates/a.yaml", "a: 1\n---\na: 2"), ("c/templates/b.yaml", "b: 1")]
        );
    }

    #[test]
    fn a_message_is_taken_apart_only_if_it_starts_with_a_place() {
        for (message, expected) in [
            ("c/templates/a.yaml:3:7: boom: x", "c/templates/a.yaml:3: boom: x"),
            ("c/templates/a.yaml:3: boom", "c/templates/a.yaml:3: boom"),
            ("c/templates/a.yaml: is not YAML", "c/templates/a.yaml: is not YAML"),
        ] {
            let error = located(message);
            assert_eq!(error.to_string(), expected);
            assert_eq!(error.template.as_deref(), Some("c/templates/a.yaml"), "{message}");
        }
        for message in ["boom", "no template: a/b", "see a/b: boom", "a/b:c: boom"] {
            let error = located(message);
            assert_eq!((error.to_string(), error.template), (message.to_owned(), None));
        }
    }

    #[test]
    fn a_used_up_limit_names_the_template_that_ran() {
        let error = explained(PluginError::Call {
            plugin: "helm-render".to_owned(),
            call: Call::RenderChart,
            place: Some("c/templates/loop.yaml".to_owned()),
            failure: Failure::OutOfMemory { limit: 5 },
        });
        let expected = "c/templates/loop.yaml: the plugin ran out of memory (5 bytes)";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.fault, RenderFault::Limit);
    }

    #[test]
    fn the_code_says_what_kind_of_fault_it_is() {
        let coded = |code: &str, message: &str| {
            explained(PluginError::Call {
                plugin: "helm-render".to_owned(),
                call: Call::RenderChart,
                place: None,
                failure: Failure::Coded { code: code.into(), message: message.into() },
            })
        };
        let error = coded("kube-version", "a/b: no");
        assert_eq!((error.template.as_deref(), error.message.as_str()), (None, "a/b: no"));
        assert_eq!(coded("template", "a/b: no").template.as_deref(), Some("a/b"));
        for (code, message, fault) in [
            ("kube-version", "no", RenderFault::Kubernetes),
            ("chart", "cannot load values.yaml", RenderFault::Chart),
            ("dependencies", "missing: db", RenderFault::Dependencies),
            ("values-schema", "missing property", RenderFault::Values),
            ("values-schema", "of a: cannot read values.schema.json: EOF", RenderFault::Chart),
            ("template", "a/b:1: function \"env\" not defined", RenderFault::Chart),
            ("too-large", "a/b: too large", RenderFault::Limit),
            ("template", "a/b:1: needs Kubernetes 1.40", RenderFault::Kubernetes),
            ("template", "a/b:1: nil pointer", RenderFault::Template),
            ("renderer", "panicked", RenderFault::Template),
            ("of another renderer", "no", RenderFault::Template),
        ] {
            assert_eq!(coded(code, message).fault, fault, "{code}");
        }
    }
}
