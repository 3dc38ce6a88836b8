//! The images of components that the values switch off.
//!
//! Values say what the images of a chart are, whether its templates use them or not. Those that no
//! rendering has belong to components that are switched off.

use longshore_oci::{Reference, Registry};
use longshore_plugin_images::{What, find};
use longshore_plugin_sdk::yaml::read;
use serde_json::Value;

use super::collected::Images;
use super::image::{Confidence, Provenance};
use super::rendering::Rendering;
use crate::archive::Chart;
use crate::effective::{Effective, effective};

/// Stands for the tag of an image whose values leave it to `appVersion`.
const DEFAULT: &str = "longshore.default.tag";

/// Adds the images in the values of a chart that no rendering has.
pub(super) fn add(
    chart: &Chart,
    rendering: &Rendering<'_>,
    images: &Images,
    disabled: &mut Images,
) {
    for mut values in effective(chart, rendering.values) {
        mark_defaults(&mut values.values);
        if let Some(registry) = global_registry(&values.values) {
            replace_registries(&mut values.values, &registry);
        }
        // JSON is YAML, and the rules read YAML.
        let documents = read(&values.values.to_string());
        for finding in documents.whole().iter().flat_map(|root| find(root)) {
            let (text, confidence) = match finding.what {
                What::Image(text) => (text, Confidence::Sure),
                What::Likely { reference, .. } => (reference, Confidence::Likely),
                _ => continue,
            };
            let Some((reference, is_default)) = completed(&text, &values) else { continue };
            // The template may complete a default tag in its own way. It may also complete the registry,
            // which is often in another value.
            let names_registry =
                text.split_once('/').is_some_and(|(first, _)| Registry::looks_like_one(first));
            let is_rendered = match (is_default, names_registry) {
                (true, true) => images.has_repository(&reference),
                (true, false) => images.has_path(&reference),
                (false, true) => images.has(&reference),
                (false, false) => images.has_path_and_version(&reference),
            };
            if is_rendered {
                continue;
            }
            let template = format!("{}values.yaml", values.folder);
            let provenance = Provenance::new(rendering.name, &template, finding.origin);
            disabled.insert(
                reference,
                text.replace(DEFAULT, &values.app_version),
                confidence,
                provenance,
            );
        }
    }
}

/// Returns the registry from which the values pull all images. Other names, such as
/// `global.image.registry`, are defaults in some charts.
fn global_registry(values: &Value) -> Option<String> {
    let registry = values.get("global")?.get("imageRegistry")?.as_str()?.trim();
    (!registry.is_empty()).then(|| registry.to_owned())
}

/// Gives an image in parts another registry, if it has one of its own.
fn replace_registries(value: &mut Value, registry: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace_registries(item, registry)),
        Value::Object(map) => {
            if map.contains_key("repository")
                && let Some(Value::String(own)) = map.get_mut("registry")
            {
                registry.clone_into(own);
            }
            map.values_mut().for_each(|value| replace_registries(value, registry));
        }
        _ => {}
    }
}

/// Completes a reference, with `appVersion` as the default tag. Returns whether the tag is a default.
fn completed(text: &str, values: &Effective) -> Option<(Reference, bool)> {
    let is_default = text.contains(DEFAULT);
    let text = match values.app_version.as_str() {
        "" => text.replace(&format!(":{DEFAULT}"), ""),
        version => text.replace(DEFAULT, version),
    };
    Some((Reference::of_image(&text).ok()?, is_default || !has_version(&text)))
}

/// Gives a tag to each image in parts that has none.
fn mark_defaults(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mark_defaults),
        Value::Object(map) => {
            let is_set = |key: &str| match map.get(key) {
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Number(_)) => true,
                _ => false,
            };
            // A repository may have its tag behind it.
            let is_open = map
                .get("repository")
                .and_then(Value::as_str)
                .is_some_and(|name| !name.is_empty() && !has_version(name));
            let is_image = is_open && (map.contains_key("tag") || map.contains_key("pullPolicy"));
            if is_image && !is_set("tag") && !is_set("digest") && !is_set("version") {
                map.insert("tag".to_owned(), Value::String(DEFAULT.to_owned()));
            }
            map.values_mut().for_each(mark_defaults);
        }
        _ => {}
    }
}

/// Reports whether a reference has a tag or a digest.
fn has_version(reference: &str) -> bool {
    reference.rsplit('/').next().is_some_and(|last| last.contains([':', '@']))
}
