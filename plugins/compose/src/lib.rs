//! The list format `compose`: the images of the services in a Compose file.
//!
//! ```text
//! services:
//!   web:
//!     image: nginx:${NGINX_VERSION:-1.27}
//! ```
//!
//! A plugin sees no variables, so a variable's default is taken, with a warning, and one without a
//! default is an error. What a service would build is no image that could be mirrored.

use longshore_plugin_document::{Listing, Member, Node, outline};
use longshore_plugin_sdk::list::{Confidence, Parsed};

mod interpolate;
mod service;

#[cfg(target_arch = "wasm32")]
longshore_plugin_sdk::export_list_format!(probe, parse);

/// What a Compose file may have at its top, beside keys that start with `x-`.
const KNOWN: [&str; 9] = [
    "name", "version", "services", "networks", "volumes", "configs", "secrets", "include", "models",
];

/// What a service has that says where its image comes from.
const ORIGINS: [&str; 4] = ["image", "build", "extends", "provider"];

/// Says whether the text is a Compose file.
#[must_use]
pub fn probe(_file_name: &str, head: &str) -> Confidence {
    let roots = outline(head);
    let [root] = &roots[..] else { return Confidence::No };
    let Some(services) = root.get("services").filter(|services| services.is_map()) else {
        return Confidence::No;
    };
    let is_known =
        |member: &Member<'_>| KNOWN.contains(&&*member.key) || member.key.starts_with("x-");
    let has_origin =
        |member: &Member<'_>| ORIGINS.iter().any(|origin| member.value.get(origin).is_some());
    // The last service may be cut.
    let with_origin = services.members().iter().filter(|member| has_origin(member)).count();
    match with_origin {
        0 => Confidence::No,
        found if found + 1 >= services.members().len() && root.members().iter().all(is_known) => {
            Confidence::Certain
        }
        _ => Confidence::Maybe,
    }
}

/// Reads the services.
#[must_use]
pub fn parse(_file_name: &str, text: &str) -> Parsed {
    let (mut listing, roots) = Listing::read(text);
    for (number, root) in roots.iter().enumerate() {
        if number > 0 {
            listing.warn(root.at, "a Compose file is one document; this one is read too");
        }
        document(&mut listing, root);
    }
    listing.finish()
}

fn document(listing: &mut Listing<'_>, root: &Node<'_>) {
    for (key, what) in [
        ("include", "the files of `include` are not read"),
        ("models", "`models` are not mirrored"),
    ] {
        if let Some(member) = root.member(key) {
            listing.warn(member.at, what);
        }
    }
    match root.get("services") {
        Some(services) if services.is_map() => {
            for member in services.members() {
                service::read(listing, member);
            }
        }
        Some(services) => {
            let message = format!("`services` must be a map, not {}", services.kind());
            listing.fail(services.at, message);
        }
        None if root.get("include").is_some() => {}
        None => listing.fail(root.at, "there are no `services`"),
    }
}

#[cfg(test)]
mod tests;
