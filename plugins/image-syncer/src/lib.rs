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

mod auth;
mod rule;

use longshore_plugin_sdk::list::{Confidence, Parsed};
use longshore_plugin_sdk::reference::{Parts, looks_like_reference, split_registry};
use longshore_plugin_sdk::yaml::{self, Mapping, Node, Value};

use rule::Source;

longshore_plugin_sdk::export_list_format!(probe, parse);

/// The key of the rules in the older configuration.
const IMAGES: &str = "images";

/// The key of the logins in the older configuration.
const AUTH: &str = "auth";

/// Reports whether the text holds image-syncer rules.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let documents = yaml::read(head);
    let Some(root) = documents.roots.first().and_then(|root| root.as_mapping()) else {
        return Confidence::No;
    };
    if auth::is_file(root) {
        return if documents.complete { Confidence::Certain } else { Confidence::Maybe };
    }
    let older = root.get(IMAGES).and_then(Node::as_mapping);
    let known = older.is_none() || root.iter().all(|(key, _)| [IMAGES, AUTH].contains(&&*key.text));
    let rules = older.unwrap_or(root);
    let (mut sure, mut all) = (0_usize, true);
    for (key, node) in rules.iter() {
        match likelihood(&key.text, node) {
            Confidence::Certain => sure += 1,
            Confidence::Maybe => {}
            Confidence::No => all = false,
        }
    }
    // Keys such as `library/nginx` without a value have nothing else to be.
    let has_paths = !rules.is_empty() && rules.iter().all(|(key, _)| key.text.contains('/'));
    match sure {
        0 if known && all && has_paths => Confidence::Maybe,
        0 => Confidence::No,
        _ if known && all && documents.complete => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Tells how sure a key and its value are a rule. A source with a path, a tag or a digest is sure. A
/// word alone, as in `nginx: registry.example.org/m/nginx`, could be a key of anything.
fn likelihood(key: &str, node: &Node) -> Confidence {
    let Ok(source) = Source::of(key) else { return Confidence::No };
    if !looks_like_reference(source.name) {
        return Confidence::No;
    }
    let is_versioned = !source.is_all();
    let has_path = source.name.contains('/');
    let destinations = match &node.value {
        Value::Sequence(items) if !items.is_empty() => {
            items.iter().map(|item| destination(item)).min().unwrap_or(Confidence::No)
        }
        Value::Scalar(scalar) if !scalar.text.is_empty() => destination(node),
        Value::Mapping(mapping) if !mapping.is_empty() => Confidence::No,
        // Without a destination the source alone must say that it is one.
        _ if is_versioned || split_registry(source.name).0.is_some() => return Confidence::Certain,
        _ => return Confidence::Maybe,
    };
    match (destinations, has_path, is_versioned) {
        (Confidence::No, ..) => Confidence::No,
        (_, true, _) | (Confidence::Certain, _, true) => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Tells how sure a value is a destination. image-syncer requires a path in it.
fn destination(node: &Node) -> Confidence {
    let Some(text) = node.as_text() else { return Confidence::No };
    let named = text.split_once(',').map_or(text, |(named, _)| named);
    let name = Parts::of(named).name;
    let is_variable = text.starts_with('$');
    if !name.contains('/') || !(is_variable || looks_like_reference(name)) {
        Confidence::No
    } else if is_variable || split_registry(name).0.is_some() {
        Confidence::Certain
    } else {
        Confidence::Maybe
    }
}

/// Parses the rules.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, root) = Parsed::of_one_yaml(text);
    let Some(root) = root else { return parsed };
    let place = root.place;
    let Some(root) = root.expect_mapping("image rules", &mut parsed) else { return parsed };
    if auth::is_file(root) {
        let message = "an authentication file of image-syncer has no rules: give it with --list-credentials=FILE";
        parsed.warn(place, message);
        auth::read(root, &mut parsed);
        return parsed.in_order();
    }
    match root.get(IMAGES).filter(|node| node.as_mapping().is_some() || node.is_empty()) {
        Some(images) => {
            root.warn_unused(&[IMAGES, AUTH], &[], &mut parsed);
            if let Some((key, node)) = root.entry(AUTH).filter(|(_, node)| !node.is_empty()) {
                match node.as_mapping() {
                    Some(logins) => auth::read(logins, &mut parsed),
                    None => parsed.warn(key.place, "`auth` must be a mapping: it is not used"),
                }
            }
            match images.as_mapping().filter(|images| !images.is_empty()) {
                Some(images) => rules(images, &mut parsed),
                None => parsed.warn(images.place, "there is nothing under `images`"),
            }
        }
        None if root.is_empty() => parsed.warn(place, "there are no rules"),
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
