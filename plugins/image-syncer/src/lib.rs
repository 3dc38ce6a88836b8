//! The list format `image-syncer`: image rules in YAML or JSON, alone or under `images` of the
//! older configuration.
//!
//! ```yaml
//! quay.io/coreos/etcd: registry.example.org/coreos/etcd
//! quay.io/coreos/flannel:v0.1,v0.2: registry.example.org/coreos/flannel
//! quay.io/coreos/dnsmasq:/^v0/:
//!   - registry.example.org/a/dnsmasq
//!   - registry.example.org/b/dnsmasq
//! ```

mod rule;

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::reference::{Parts, looks_like_reference};
use longshore_plugin_sdk::yaml::{self, Mapping, Node, Value};

use rule::Source;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// The key of the rules in the older configuration.
const IMAGES: &str = "images";

/// The other keys of the older configuration.
const IGNORED: &[(&str, &str)] =
    &[("auth", "credentials come from docker's or containers' configuration")];

/// Reports whether the text holds image-syncer rules.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let documents = yaml::read(head);
    let Some(root) = documents.roots.first().and_then(|root| root.as_mapping()) else {
        return Confidence::No;
    };
    let older = root.get(IMAGES).and_then(Node::as_mapping);
    let known = older.is_none()
        || root.iter().all(|(key, _)| key.text == IMAGES || IGNORED[0].0 == key.text);
    let rules = older.unwrap_or(root);
    let fit = rules.iter().filter(|(key, node)| is_rule(&key.text, node)).count();
    match fit {
        0 => Confidence::No,
        _ if known && fit == rules.iter().count() && documents.complete => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Reports whether both sides are references with a path, which image-syncer requires.
fn is_rule(source: &str, node: &Node) -> bool {
    let is_path = |name: &str| name.contains('/') && looks_like_reference(name);
    let is_destination = |node: &Node| {
        node.as_text().is_some_and(|text| {
            let named = text.split_once(',').map_or(text, |(named, _)| named);
            is_path(Parts::of(named).name)
        })
    };
    let destinations = match &node.value {
        Value::Sequence(items) => {
            !items.is_empty() && items.iter().all(|item| is_destination(item))
        }
        Value::Scalar(scalar) => scalar.text.is_empty() || is_destination(node),
        Value::Null | Value::Mapping(_) => false,
    };
    destinations && Source::of(source).is_ok_and(|source| is_path(source.name))
}

/// Parses the rules.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, root) = Parsed::of_one_yaml(text);
    let Some(root) = root else { return parsed };
    let Some(root) = root.expect_mapping("image rules", &mut parsed) else { return parsed };
    match root.get(IMAGES).filter(|node| node.as_mapping().is_some() || node.is_empty()) {
        Some(images) => {
            root.warn_unused(&[IMAGES], IGNORED, &mut parsed);
            if let Some(images) = images.as_mapping() {
                rules(images, &mut parsed);
            }
        }
        None => rules(root, &mut parsed),
    }
    parsed.in_order()
}

fn rules(mapping: &Mapping, parsed: &mut Parsed) {
    for (key, node) in mapping.iter() {
        match Source::of(&key.text) {
            Ok(source) => rule::read(key, &source, node, parsed),
            Err(message) => parsed.error(key.place, message),
        }
    }
}

#[cfg(test)]
mod tests;
