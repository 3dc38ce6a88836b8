//! Renders charts with a plugin: the built-in one with Helm's engine, or a component by its path.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_chart::{RenderError, RenderInput, Rendered, Renderer};
use longshore_plugin_host::contract::{ChartFile, Manifest, Release};
use longshore_plugin_host::{Failure, Kind, Plugin, PluginError, PluginHost, PluginSetup};
use tokio::task::JoinSet;

use super::LogOfPlugins;
use crate::error::Fatal;
use crate::report::Log;
use crate::settings::PluginSettings;

/// The name of the built-in renderer.
pub(crate) const BUILT_IN: &str = "helm-render";

/// A plugin that renders charts.
#[derive(Debug)]
pub(crate) struct PluginRenderer(Arc<Plugin>);

impl PluginRenderer {
    /// Loads the renderer `name`: [`BUILT_IN`], an installed plugin, or a component by its path.
    ///
    /// The first load of a version compiles for some seconds. Drop the future to stop waiting.
    pub(crate) async fn load(
        plugins: &PluginHost,
        name: &str,
        settings: &PluginSettings,
        log: &Arc<Log>,
    ) -> Result<Self, Fatal> {
        let configured = plugins.name_of(Kind::ChartRender, name).await?;
        let setup = PluginSetup {
            config: settings.config(&configured),
            grants: Vec::new(),
            origins: HashMap::new(),
            transport: None,
            log: Arc::new(LogOfPlugins(Arc::clone(log))),
            dry_run: false,
        };
        let loaded = plugins.load(Kind::ChartRender, name, setup).await;
        loaded.map(|plugin| Self(Arc::new(plugin))).map_err(|error| settings.blamed(error))
    }
}

impl Renderer for PluginRenderer {
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

/// Takes the place out of an error, and adds what the user can do.
fn explained(error: PluginError) -> RenderError {
    let advice = error.hint().map(str::to_owned);
    match error {
        PluginError::Call { failure: Failure::Coded { code, message }, .. } => {
            let hint = match code.as_str() {
                "dependencies" => Some("run `helm dependency build` in the folder of the chart"),
                "kube-version" => Some("set `kube-version` of the upstream in the configuration"),
                "values" | "values-schema" => {
                    Some("correct the files in `values` of the upstream in the configuration")
                }
                _ => None,
            };
            let hint = hint.map(str::to_owned);
            match code.as_str() {
                "manifest" | "template" | "too-large" => RenderError { hint, ..located(&message) },
                _ => RenderError { message, hint, ..RenderError::default() },
            }
        }
        PluginError::Call { place: template, failure, .. } => RenderError {
            template,
            message: failure.to_string(),
            hint: advice,
            ..RenderError::default()
        },
        error => RenderError { message: error.to_string(), hint: advice, ..RenderError::default() },
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
            hint: None,
        },
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, Manifest, PluginError, by_template, explained, located};
    use longshore_plugin_host::Call;

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
    }

    #[test]
    fn another_kubernetes_is_a_hint() {
        let coded = |code: &str| {
            explained(PluginError::Call {
                plugin: "helm-render".to_owned(),
                call: Call::RenderChart,
                place: None,
                failure: Failure::Coded { code: code.into(), message: "a/b: no".into() },
            })
        };
        let error = coded("kube-version");
        assert_eq!((error.template.as_deref(), error.message.as_str()), (None, "a/b: no"));
        assert!(error.hint.is_some_and(|hint| hint.contains("kube-version")));
        assert_eq!(coded("template").template.as_deref(), Some("a/b"));
        assert_eq!(coded("renderer").hint, None);
    }
}
