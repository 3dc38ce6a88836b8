//! A document of SPDX 2: `packages` with `externalRefs`.

use longshore_plugin_purl::Purls;
use longshore_plugin_sdk::list::Parsed;
use longshore_plugin_sdk::yaml::Node;

/// What `spdxVersion` starts with.
const VERSION: &str = "SPDX-2.";

/// Whether it is such a document.
pub(crate) fn is_document(root: &Node) -> bool {
    root.text_of("spdxVersion").is_some_and(|version| version.starts_with(VERSION))
}

/// Reads the packages.
pub(crate) fn read(parsed: &mut Parsed, root: &Node) {
    let mut purls = Purls::default();
    for package in root.get("packages").map(Node::items).unwrap_or_default() {
        let references = package.get("externalRefs").map(Node::items).unwrap_or_default();
        let mut found = false;
        for reference in references {
            let kind = reference.text_of("referenceType").unwrap_or_default();
            if kind != "purl" && !kind.ends_with("/references/purl") {
                continue;
            }
            let Some(locator) = reference.get("referenceLocator") else {
                parsed.error(reference.place, "a purl has no `referenceLocator`");
                continue;
            };
            if let Some(purl) = locator.expect_text("`referenceLocator`", parsed) {
                found = true;
                purls.take(parsed, locator.place, purl);
            }
        }
        if !found && package.text_of("primaryPackagePurpose") == Some("CONTAINER") {
            crate::no_purl(parsed, package);
        }
    }
    purls.finish(parsed);
}
