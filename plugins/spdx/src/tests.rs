//! What SPDX documents give.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const APP: &str = include_str!("../fixtures/app.spdx.json");

#[test]
fn purls_of_images_are_entries() {
    let parsed = parse("app.spdx.json", APP);
    assert_eq!(
        entries(&parsed),
        ["16 quay.io/team/app 1.0@sha256:aaaa", "33 ghcr.io/team/sidecar 2.1 linux/arm64"]
    );
    assert_eq!(remarks(&parsed), ["37:5 the container `busybox` has no purl, so it is not taken"]);
}

#[test]
fn malformed_documents_have_exact_remarks() {
    for (text, expected) in [
        ("{\"spdxVersion\": \"SPDX-1.2\"}\n", &["1:1! the document is not of SPDX 2"][..]),
        (
            "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}\n",
            &["1:1! documents of SPDX 3 are not read"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"externalRefs\": [{\"referenceType\": \"purl\"}]}]}\n",
            &["2:32! a purl has no `referenceLocator`"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"name\" \"a\"}]}\n",
            &["2:22! this is no valid YAML: invalid trailing content after double-quoted scalar"],
        ),
    ] {
        assert_eq!(remarks(&parse("list", text)), expected, "{text}");
    }
}

#[test]
fn only_documents_of_spdx_are_documents_of_spdx() {
    knows_its_own("spdx", probe);
    for (name, head, expected) in [
        ("list", APP, Confidence::Certain),
        ("list", "{\"spdxVersion\": \"SPDX-3.0\"}", Confidence::No),
        (
            "list",
            "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"}",
            Confidence::Maybe,
        ),
        ("a.spdx.json", "{\"files\": []}", Confidence::Maybe),
        ("list", "{\"bomFormat\": \"CycloneDX\"}", Confidence::No),
        ("a.spdx.json", "a b 1\n", Confidence::No),
        ("list", "", Confidence::No),
    ] {
        assert_eq!(probe(name, head), expected, "{head:?}");
    }
}

#[test]
fn changed_documents_never_make_it_panic() {
    survives_mutations(&[APP], probe, parse);
}
