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

use std::collections::HashSet;
use std::rc::Rc;

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
    let known = |root: &Rc<Node>| root.members().all(|(key, _)| is_known(&key.text));
    match &roots[..] {
        [] => Confidence::No,
        [root] => confidence(root),
        // Later documents change services of the first one, and the last may be cut off.
        [first, others @ ..] if others.iter().all(known) => confidence(first),
        _ => Confidence::No,
    }
}

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key) || key.starts_with("x-")
}

/// Tells how sure a document is a Compose file.
fn confidence(root: &Node) -> Confidence {
    let Some(services) = root.get("services").and_then(Node::as_mapping) else {
        return Confidence::No;
    };
    let has_origin = |service: &Node| ORIGINS.iter().any(|origin| service.get(origin).is_some());
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
        let mut services = HashSet::new();
        for (number, root) in roots.iter().enumerate() {
            if number > 0 {
                let message = "Compose merges this document into the first one; here its images are \
                               read beside those of the first";
                parsed.warn(root.place, message);
            }
            document(&mut parsed, root, &self.variables, &mut services);
        }
        parsed.in_order()
    }
}

/// Parses a document. `known` has the names of the services of the documents before it.
fn document<'n>(
    parsed: &mut Parsed,
    root: &'n Node,
    variables: &Variables,
    known: &mut HashSet<&'n str>,
) {
    for (key, what) in [
        ("include", "the files of `include` are not read"),
        ("models", "`models` are not mirrored"),
    ] {
        if let Some((key, _)) = root.member(key) {
            parsed.warn(key.place, what);
        }
    }
    let Some(services) = root.get("services") else {
        if root.get("include").is_none() && known.is_empty() {
            parsed.error(root.place, "there are no `services`");
        }
        return;
    };
    if let Some(services) = services.expect_mapping("`services`", parsed) {
        let mut shared = Shared::default();
        for (key, service) in services.iter() {
            let before = parsed.diagnostics.len();
            service::read(parsed, variables, key, service, known.contains(&*key.text));
            shared.unite(parsed, before, &key.text);
        }
        shared.name_services(parsed);
        known.extend(services.iter().map(|(key, _)| &*key.text));
    }
}

#[cfg(test)]
mod tests;
