//! The list format `regsync`: the configuration of regclient's regsync.
//!
//! ```yaml
//! sync:
//!   - source: alpine
//!     target: registry.example.org/library/alpine
//!     type: repository
//!     tags:
//!       allow: ["3\\.\\d+"]
//!       semverRange: [">=3.18"]
//!     platforms: [linux/amd64]
//! ```

mod creds;
mod item;
mod template;

use longshore_plugin_sdk::list::{Confidence, ListFormat, Parsed};
use longshore_plugin_sdk::yaml::{self, Mapping, Node};

use longshore_plugin_sdk::variables::Variables;

longshore_plugin_sdk::export_list_format!(Regsync);

/// The newest supported version of the configuration.
const VERSION: u32 = 1;

/// Keys of `creds` that configure a registry beyond its login.
const OF_REGISTRIES: &[(&str, &str)] = &[
    ("clientCert", CERTIFICATES),
    ("clientKey", CERTIFICATES),
    ("hostname", "requests go to the registry that the image references name"),
    ("mirrors", "mirrors are not used"),
    ("pathPrefix", "images are fetched from the path of their source"),
    ("regcert", CERTIFICATES),
    ("tls", "give --insecure-registry with this registry"),
];
const CERTIFICATES: &str = "certificates come from certs.d directories and SSL_CERT_FILE";

/// Keys under `defaults` and in items that configure how regsync runs. They do not select images.
const RUNNING: &[(&str, &str)] = &[
    ("backup", "overwritten images are not kept"),
    ("blobLimit", NO_SETTING),
    ("cacheCount", NO_SETTING),
    ("cacheTime", NO_SETTING),
    ("digestTags", NO_REFERRERS),
    (
        "fastCheck",
        "--force-recursive decides for the whole run whether existing content is checked",
    ),
    ("fastCopy", "--force-recursive decides for the whole run whether existing content is checked"),
    ("forceRecursive", "use --force-recursive for the whole run"),
    ("hooks", "no commands are run"),
    ("includeExternal", "layers elsewhere are never fetched"),
    ("interval", AGAIN),
    ("mediaTypes", "everything is copied whatever its media type"),
    ("parallel", "-j sets how much is done at a time"),
    ("ratelimit", "the request rate follows the registries' answers"),
    ("referrerFilters", NO_REFERRERS),
    ("referrerSlow", NO_REFERRERS),
    ("referrerSource", NO_REFERRERS),
    ("referrerTarget", NO_REFERRERS),
    ("referrers", NO_REFERRERS),
    ("schedule", AGAIN),
    ("skipDockerConfig", "credentials still come from docker's configuration"),
    ("userAgent", NO_SETTING),
];
const NO_SETTING: &str = "longshore has no such setting";
const NO_REFERRERS: &str = "--referrers decides for the whole run whether they are copied";
const AGAIN: &str = "--every 10m repeats a run";

/// Reports whether the text is a regsync configuration.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let documents = yaml::read(head);
    let Some(root) = documents.roots.first().and_then(|root| root.as_mapping()) else {
        return Confidence::No;
    };
    let items = root.get("sync").and_then(Node::as_sequence).unwrap_or_default();
    let has = |item: &Mapping, keys: &[&str]| keys.iter().all(|key| item.get(key).is_some());
    let mut mappings = items.iter().filter_map(|item| item.as_mapping());
    if !mappings
        .clone()
        .any(|item| has(item, &["source"]) && (has(item, &["target"]) || has(item, &["type"])))
    {
        return Confidence::No;
    }
    let known = |key: &str| {
        key.starts_with("x-") || ["version", "creds", "defaults", "sync"].contains(&key)
    };
    let certain = documents.complete
        && root.iter().all(|(key, _)| known(&key.text))
        && mappings.any(|item| has(item, &["source", "target", "type"]));
    if certain { Confidence::Certain } else { Confidence::Maybe }
}

/// The format with its variables.
#[derive(Debug, Default)]
pub struct Regsync {
    variables: Variables,
}

impl ListFormat for Regsync {
    fn probe(file_name: &str, head: &str) -> Confidence {
        probe(file_name, head)
    }

    fn from_config(json: &str) -> Result<Self, String> {
        Ok(Self { variables: Variables::from_config(json, "variables")? })
    }

    fn parse(&self, _file_name: &str, text: &str) -> Parsed {
        read(&self.variables, text)
    }
}

/// Parses a text without variables.
#[must_use]
pub fn parse(file_name: &str, text: &str) -> Parsed {
    Regsync::default().parse(file_name, text)
}

fn read(variables: &Variables, text: &str) -> Parsed {
    let (mut parsed, root) = Parsed::of_one_yaml(text);
    let Some(root) = root else { return parsed };
    let place = root.place;
    let Some(root) = root.expect_mapping("a regsync configuration", &mut parsed) else {
        return parsed;
    };
    root.warn_unused(&["version", "creds", "defaults", "sync"], &[], &mut parsed);
    if let Some(version) = root.get("version").filter(|node| !node.is_empty()) {
        let number = version.as_text().and_then(|text| text.parse::<u32>().ok());
        if number.is_none_or(|number| number > VERSION) {
            let message = format!("the version must be {VERSION}, no other is supported");
            parsed.error(version.place, message);
        }
    }
    for registry in root.get("creds").map(Node::items).unwrap_or_default() {
        for (name, why) in OF_REGISTRIES {
            if let Some((key, value)) = registry.member(name)
                && !value.is_empty()
                && value.as_text() != Some("enabled")
            {
                parsed.warn(key.place, format!("`{name}` is ignored: {why}"));
            }
        }
        creds::read(variables, registry, &mut parsed);
    }
    if let Some(defaults) = root.get("defaults").filter(|node| !node.is_empty())
        && let Some(defaults) = defaults.expect_mapping("`defaults`", &mut parsed)
    {
        defaults.warn_unused(&[], RUNNING, &mut parsed);
    }
    match root.entry("sync") {
        Some((_, sync)) if !sync.is_empty() => {
            for node in sync.expect_sequence("`sync`", &mut parsed).unwrap_or_default() {
                item::read(variables, node, &mut parsed);
            }
        }
        Some((key, _)) => parsed.warn(key.place, "there is nothing under `sync`"),
        None => parsed.warn(place, "there is no `sync`"),
    }
    parsed.in_order()
}

#[cfg(test)]
mod tests;
