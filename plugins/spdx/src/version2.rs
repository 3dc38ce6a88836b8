//! SPDX 2 documents: `packages` with `externalRefs`.

use std::rc::Rc;

use longshore_plugin_purl::{Purls, left_out};
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

/// Prefix of `spdxVersion`.
const VERSION: &str = "SPDX-2.";

/// Reports whether the document is SPDX 2.
pub(crate) fn is_document(root: &Node) -> bool {
    root.text_of("spdxVersion").is_some_and(|version| version.starts_with(VERSION))
}

/// Returns the list under a key; empty if there is none.
fn list<'a>(parsed: &mut Parsed, node: &'a Node, key: &str) -> &'a [Rc<Node>] {
    let list = node.get(key).and_then(|list| list.expect_sequence(&format!("`{key}`"), parsed));
    list.unwrap_or_default()
}

/// Parses the packages.
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
