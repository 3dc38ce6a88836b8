//! The list format `compose`: the images of the services in a Compose file.
//!
//! ```text
//! services:
//!   web:
//!     image: nginx:${NGINX_VERSION:-1.27}
//! ```
//!
//! Plugins cannot read environment variables: all values come from the plugin's configuration. An
//! unset variable expands to its default, with a warning. An unset variable without a default is an
//! error. Images that a service builds cannot be mirrored.

use longshore_plugin_sdk::list::{Confidence, ListFormat, Parsed};
use longshore_plugin_sdk::yaml::{Node, outline};

use shared::Shared;
use variables::Variables;

mod env_file;
mod interpolate;
mod service;
mod shared;
mod variables;

longshore_plugin_sdk::export_list_format!(Compose);

/// The format with its configuration.
#[derive(Clone, Debug, Default)]
pub struct Compose {
    variables: Variables,
}

/// Top-level keys of a Compose file, besides keys that start with `x-`.
const KNOWN: [&str; 9] = [
    "name", "version", "services", "networks", "volumes", "configs", "secrets", "include", "models",
];

/// Keys that say where the image of a service comes from.
const ORIGINS: [&str; 4] = ["image", "build", "extends", "provider"];

/// Reports whether the text is a Compose file.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let [root] = &roots[..] else { return Confidence::No };
    let Some(services) = root.get("services").and_then(Node::as_mapping) else {
        return Confidence::No;
    };
    let has_origin = |service: &Node| ORIGINS.iter().any(|origin| service.get(origin).is_some());
    let is_known = |key: &str| KNOWN.contains(&key) || key.starts_with("x-");
    let found = services.iter().filter(|(_, service)| has_origin(service)).count();
    let all_known = root.members().all(|(key, _)| is_known(&key.text));
    // The last service may be cut off.
    match found {
        0 => Confidence::No,
        found if found + 1 >= services.iter().count() && all_known => Confidence::Certain,
        _ => Confidence::Maybe,
    }
}

/// Parses the services without any variables set.
#[must_use]
pub fn parse(file_name: &str, text: &str) -> Parsed {
    Compose::default().parse(file_name, text)
}

impl ListFormat for Compose {
    fn probe(file_name: &str, head: &str) -> Confidence {
        probe(file_name, head)
    }

    /// Parses `{"variables": …}`: an env file, or a table of strings.
    fn from_config(json: &str) -> Result<Self, String> {
        Ok(Self { variables: Variables::from_config(json)? })
    }

    fn parse(&self, _file_name: &str, text: &str) -> Parsed {
        let (mut parsed, roots) = Parsed::of_yaml(text);
        for (number, root) in roots.iter().enumerate() {
            if number > 0 {
                parsed.warn(root.place, "a Compose file is one document; this one is read too");
            }
            document(&mut parsed, root, &self.variables);
        }
        parsed.in_order()
    }
}

fn document(parsed: &mut Parsed, root: &Node, variables: &Variables) {
    for (key, what) in [
        ("include", "the files of `include` are not read"),
        ("models", "`models` are not mirrored"),
    ] {
        if let Some((key, _)) = root.member(key) {
            parsed.warn(key.place, what);
        }
    }
    let Some(services) = root.get("services") else {
        if root.get("include").is_none() {
            parsed.error(root.place, "there are no `services`");
        }
        return;
    };
    if let Some(services) = services.expect_mapping("`services`", parsed) {
        let mut shared = Shared::default();
        for (key, service) in services.iter() {
            let before = parsed.diagnostics.len();
            service::read(parsed, variables, key, service);
            shared.unite(parsed, before, &key.text);
        }
        shared.name_services(parsed);
    }
}

#[cfg(test)]
mod tests;
