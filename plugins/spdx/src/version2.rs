//! A document of SPDX 2: `packages` with `externalRefs`.

use std::rc::Rc;

use longshore_plugin_purl::{Purls, left_out};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

/// What `spdxVersion` starts with.
const VERSION: &str = "SPDX-2.";

/// Whether it is such a document.
pub(crate) fn is_document(root: &Node) -> bool {
    root.text_of("spdxVersion").is_some_and(|version| version.starts_with(VERSION))
}

/// The list that a key has, if it is there.
fn list<'a>(parsed: &mut Parsed, node: &'a Node, key: &str) -> &'a [Rc<Node>] {
    let list = node.get(key).and_then(|list| list.expect_sequence(&format!("`{key}`"), parsed));
    list.unwrap_or_default()
}

/// Reads the packages.
pub(crate) fn read(parsed: &mut Parsed, root: &Node) {
    let mut purls = Purls::default();
    for package in list(parsed, root, "packages") {
        let mut found = false;
        for reference in list(parsed, package, "externalRefs") {
            let kind = reference.text_of("referenceType").unwrap_or_default();
            if kind != "purl" && !kind.ends_with("/references/purl") {
                continue;
            }
            let Some(locator) = reference.get("referenceLocator") else {
                parsed.error(reference.place, "a purl has no `referenceLocator`");
                continue;
            };
            if let Some(purl) = locator.expect_text("`referenceLocator`", parsed) {
                found |= purls.take(parsed, locator.place, purl);
            }
        }
        if !found && package.text_of("primaryPackagePurpose") == Some("CONTAINER") {
            left_out(parsed, package.place, package.text_of("name"));
        }
    }
    purls.finish(parsed);
}
