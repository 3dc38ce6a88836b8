//! The list format `skopeo-sync`: the YAML file of `skopeo sync --src yaml`.
//!
//! ```yaml
//! registry.example.com:
//!   images:
//!     busybox: []
//!     redis: ["1.0", "sha256:…"]
//!   images-by-tag-regex:
//!     nginx: ^1\.13\.[12]-alpine-perl$
//!   images-by-semver:
//!     alpine: ">= 3.12.0"
//! ```
//!
//! The format has no destinations: the host keeps the source's full path.

use longshore_plugin_sdk::credential::{Login, text};
use longshore_plugin_sdk::diagnostic::Place;
use longshore_plugin_sdk::list::{Confidence, Entry, Filter, Parsed, Selection};
use longshore_plugin_sdk::reference::{has_digest_algorithm, looks_like_reference};
use longshore_plugin_sdk::yaml::{self, Mapping, Node, Value};

longshore_plugin_sdk::export_list_format!(probe, parse);

const IMAGES: &str = "images";
const BY_REGEX: &str = "images-by-tag-regex";
const BY_SEMVER: &str = "images-by-semver";
const CREDENTIALS: &str = "credentials";

/// The keys of a registry that longshore uses.
const USED: &[&str] = &[IMAGES, BY_REGEX, BY_SEMVER, CREDENTIALS, "tls-verify"];

/// Keys that longshore ignores because it configures them elsewhere.
const IGNORED: &[(&str, &str)] =
    &[("cert-dir", "certificates come from certs.d directories and SSL_CERT_FILE")];

/// What every file arrives with, unless skopeo has flags for it.
const UNLIKE_SKOPEO: &str = "longshore keeps the whole path and every platform, whereas skopeo sync writes only the \
     last part of a path without --scoped, and one platform without --all";

/// Reports whether the text is a skopeo sync file.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let documents = yaml::read(head);
    let Some(root) = documents.roots.first().and_then(|root| root.as_mapping()) else {
        return Confidence::No;
    };
    let fit = root.iter().filter(|(key, node)| is_host(&key.text) && is_registry(node)).count();
    let all = root.iter().count();
    match fit {
        0 => Confidence::No,
        _ if fit == all && documents.complete => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Reports whether a key can be a registry or a path below one.
fn is_host(key: &str) -> bool {
    looks_like_reference(&format!("{key}/image"))
}

/// Reports whether the node names images in one of the three ways and has no unknown keys.
fn is_registry(node: &Node) -> bool {
    let Some(mapping) = node.as_mapping() else { return false };
    let images = [IMAGES, BY_REGEX, BY_SEMVER];
    let known = |key: &str| USED.contains(&key) || IGNORED.iter().any(|(name, _)| *name == key);
    mapping.iter().all(|(key, _)| known(&key.text))
        && images.iter().any(|key| mapping.get(key).is_some_and(|node| node.as_mapping().is_some()))
}

/// Parses the file.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut parsed, root) = Parsed::of_one_yaml(text);
    let Some(root) = root else { return parsed };
    let place = root.place;
    let Some(root) = root.expect_mapping("a file of skopeo sync", &mut parsed) else {
        return parsed;
    };
    if root.is_empty() {
        parsed.warn(place, "no registry is named");
    }
    for (key, node) in root.iter() {
        if key.text.is_empty() {
            parsed.error(key.place, "there is no registry before the colon");
        } else if let Some(mapping) = node.expect_mapping("a registry", &mut parsed) {
            let named = [IMAGES, BY_REGEX, BY_SEMVER].iter().filter_map(|key| mapping.get(key));
            if named.into_iter().all(Node::is_empty) {
                parsed.warn(key.place, format!("no images of `{}` are named", key.text));
            }
            registry(&key.text, mapping, &mut parsed);
        }
    }
    if let Some(first) = first_image(&parsed) {
        parsed.warn(Place { line: first, column: 0 }, UNLIKE_SKOPEO);
    }
    parsed.in_order()
}

/// Returns the line of the first image. A credential is an entry too, with an attribute.
fn first_image(parsed: &Parsed) -> Option<u32> {
    let images = parsed.entries.iter().filter(|entry| entry.attributes.is_empty());
    images.map(|entry| entry.line).min()
}

fn registry(name: &str, mapping: &Mapping, parsed: &mut Parsed) {
    mapping.warn_unused(USED, IGNORED, parsed);
    if let Some((key, node)) = mapping.entry(CREDENTIALS).filter(|(_, node)| !node.is_empty()) {
        let of = |part: &str| node.as_mapping()?.get(part)?.as_text();
        match (of("username"), of("password")) {
            (Some(username), Some(password)) => {
                let (username, password) = (text(username), text(password));
                parsed.credential(key.place, name, &Login::Password { username, password });
            }
            _ => parsed.warn(
                key.place,
                "`credentials` needs a `username` and a `password`: it is not used",
            ),
        }
    }
    if let Some((key, node)) = mapping.entry("tls-verify").filter(|(_, node)| !node.is_empty()) {
        match node.as_bool() {
            Some(true) => {}
            Some(false) => parsed.warn(
                key.place,
                "`tls-verify: false` is ignored: give --insecure-registry with this registry",
            ),
            None => parsed.error(node.place, "`tls-verify` must be true or false"),
        }
    }
    each(mapping, IMAGES, parsed, |repository, line, node, parsed| {
        image(&format!("{name}/{repository}"), line, node, parsed);
    });
    each(mapping, BY_REGEX, parsed, |repository, line, node, parsed| {
        let Some(pattern) = node.expect_text("a regular expression", parsed) else { return };
        let filter = Filter { allow: vec![pattern.to_owned()], ..Filter::default() };
        let source = format!("{name}/{repository}");
        parsed.entries.push(Entry::new(source, Selection::Matching(filter), line));
    });
    each(mapping, BY_SEMVER, parsed, |repository, line, node, parsed| {
        let Some(range) = node.expect_text("a version range", parsed) else { return };
        let filter = Filter { versions: Some(range.to_owned()), ..Filter::default() };
        let source = format!("{name}/{repository}");
        parsed.entries.push(Entry::new(source, Selection::Matching(filter), line));
    });
}

/// Parses the tags of an image; all tags if there are none.
fn image(source: &str, line: u32, node: &Node, parsed: &mut Parsed) {
    if matches!(node.value, Value::Null) || node.as_sequence().is_some_and(<[_]>::is_empty) {
        parsed.entries.push(Entry::new(source, Selection::All, line));
        return;
    }
    let tags = match node.as_text().filter(|text| !text.is_empty()) {
        Some(_) => {
            parsed.warn(node.place, "one tag is read as a list of one, which skopeo requires");
            vec![node]
        }
        None => match node.expect_sequence("the tags of an image", parsed) {
            Some(items) => items.iter().map(|item| &**item).collect(),
            None => return,
        },
    };
    for item in tags {
        if matches!(item.value, Value::Null) || item.as_text() == Some("") {
            parsed.warn(item.place, "a tag is empty, so it selects nothing");
            continue;
        }
        let Some(text) = item.expect_text("a tag", parsed) else { continue };
        let selection = if has_digest_algorithm(text) {
            let message = "the destination gets no tag, as only a digest is given";
            parsed.warn(item.place, message);
            Selection::pinned(text, None)
        } else {
            Selection::ByTag(text.to_owned())
        };
        parsed.entries.push(Entry::new(source, selection, item.place.line));
    }
}

/// Calls `take` for every repository under `key`, with its line.
fn each(
    registry: &Mapping,
    key: &str,
    parsed: &mut Parsed,
    take: impl Fn(&str, u32, &Node, &mut Parsed),
) {
    let Some(node) = registry.get(key).filter(|node| !node.is_empty()) else { return };
    let Some(mapping) = node.expect_mapping(&format!("`{key}`"), parsed) else { return };
    for (repository, node) in mapping.iter() {
        if repository.text.is_empty() {
            parsed.error(repository.place, "there is no repository before the colon");
        } else if repository.text.contains([':', '@']) {
            let message =
                format!("{:?} must be a repository without tag and digest", repository.text);
            parsed.error(repository.place, message);
        } else {
            take(&repository.text, repository.place.line, node, parsed);
        }
    }
}

#[cfg(test)]
mod tests;
