//! Entries and diagnostics of SPDX documents.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const APP: &str = include_str!("../fixtures/app.spdx.json");
const SHOP: &str = include_str!("../fixtures/shop.spdx3.json");

const TAGS: &str = include_str!("../fixtures/app.spdx");

/// The start of an SPDX 3 document.
const THIRD: &str = "{\"@context\": \"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\"";

#[test]
fn purls_of_images_are_entries() {
    let parsed = parse("app.spdx.json", APP);
    assert_eq!(
        entries(&parsed),
        ["16 quay.io/team/app 1.0@sha256:aaaa", "33 ghcr.io/team/sidecar 2.1 linux/arm64"]
    );
    assert_eq!(
        remarks(&parsed),
        ["37:5 the container `busybox` has no image purl, so it is skipped"]
    );
}

#[test]
fn tag_value_files_are_read() {
    let parsed = parse("app.spdx", TAGS);
    assert_eq!(
        entries(&parsed),
        ["19 quay.io/team/app 1.0@sha256:aaaa", "28 ghcr.io/team/sidecar 2.1 linux/arm64"]
    );
    assert_eq!(
        remarks(&parsed),
        ["30:1 the container `busybox` has no image purl, so it is skipped"]
    );
    for (rest, expected) in [
        ("PackageName: a\nExternalRef: PACKAGE-MANAGER purl", "3:1! a purl has no locator"),
        (
            "PackageName: a\nExternalRef: PACKAGE-MANAGER purl pkg:oci/a@sha256:0",
            "3:35! the purl `pkg:oci/a@sha256:0` cannot be used: it has no repository_url, so it does \
             not say where the image is",
        ),
        ("PackageComment: <text>a\nb", "2:0! a `<text>` has no `</text>`, the rest is not read"),
    ] {
        let text = format!("SPDXVersion: SPDX-2.2\n{rest}\n");
        assert_eq!(remarks(&parse("list", &text)), [expected], "{text}");
    }
    let ipv6 = "SPDXVersion: SPDX-2.3\nPackageName: a\nExternalRef: PACKAGE-MANAGER purl \
                pkg:oci/b@sha256:0?repository_url=%5B::1%5D:5000/a/b\n";
    assert_eq!(entries(&parse("list", ipv6)), ["3 [::1]:5000/a/b @sha256:0"]);
    let old = parse("list", "SPDXVersion: SPDX-1.2\nPackageName: a\n");
    assert_eq!(remarks(&old), ["1:1! the document is neither SPDX 2 nor SPDX 3"]);
}

#[test]
fn rdf_is_named_with_the_command_that_makes_json() {
    let text = "<?xml version=\"1.0\"?>\n<rdf:RDF xmlns:spdx=\"http://spdx.org/rdf/terms#\">\n</rdf:RDF>\n";
    assert_eq!(probe("a.rdf", text), Confidence::Certain);
    assert_eq!(
        remarks(&parse("a.rdf", text)),
        [
            "1:0! the document is RDF/XML, make JSON of it: `pyspdxtools -i a.rdf -o a.rdf.spdx.json`"
        ]
    );
    assert!(remarks(&parse("-", text))[0].contains("-i FILE "));
}

#[test]
fn xml_is_named_with_the_command_that_makes_json() {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    for rest in [
        "\n<Document>\n  <SPDXID>SPDXRef-DOCUMENT</SPDXID>\n  <spdxVersion>SPDX-2.3</spdxVersion>\n</Document>\n",
        "<Document><spdxVersion>SPDX-2.2</spdxVersion></Document>",
        "\r\n<!-- a -->\r\n<Document>\r\n<SPDXID>SPDXRef-DOCUMENT</SPDXID>\r\n</Document>\r\n",
    ] {
        let text = format!("{head}{rest}");
        assert_eq!(probe("a.xml", &text), Confidence::Certain, "{text}");
        assert_eq!(
            remarks(&parse("a.xml", &text)),
            [
                "1:0! the document is XML, make JSON of it: `pyspdxtools -i a.xml -o a.xml.spdx.json`"
            ]
        );
    }
    for other in ["<project><name>spdx</name></project>", "<bom/>", "a <SPDXID>"] {
        assert_eq!(probe("a.xml", other), Confidence::No, "{other}");
    }
}

#[test]
fn spdx_3_packages_are_found_in_the_graph() {
    let parsed = parse("shop.spdx3.json", SHOP);
    assert_eq!(
        entries(&parsed),
        [
            "26 quay.io/shop/front 2.0@sha256:aaaa",
            "36 ghcr.io/shop/front 2.0 linux/arm64",
            "61 docker.io/shop/back 3.1",
            "68 registry.example.com/shop/model 1",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "67:30 the identifier `_:nobody` is not in the document",
            "68:30 `arch` of 1 purl is ignored: a digest or tag is copied as a whole",
            "70:5 the container `cache` has no image purl, so it is skipped",
        ]
    );
}

#[test]
fn one_spdx_3_element_needs_no_graph() {
    for (kind, url) in [
        ("software_Package", "software_packageUrl"),
        ("software:Package", "software:packageUrl"),
        ("Package", "packageUrl"),
        ("https://spdx.org/rdf/3.0.1/terms/Software/Package", "software_packageUrl"),
        ("dataset_DatasetPackage", "software_packageUrl"),
    ] {
        let element = format!("\"type\": \"{kind}\", \"{url}\": \"pkg:docker/a/b@1\"");
        let parsed = parse("list", &format!("{THIRD},\n{element}}}\n"));
        assert_eq!(entries(&parsed), ["2 docker.io/a/b 1"], "{kind}");
        assert_eq!(remarks(&parsed), [""; 0], "{kind}");
    }
    let file = "\"type\": \"software_File\", \"software_packageUrl\": \"pkg:docker/a/b@1\"";
    let parsed = parse("list", &format!("{THIRD},\n{file}}}\n"));
    assert_eq!(entries(&parsed), [""; 0]);
}

#[test]
fn malformed_graphs_have_exact_diagnostics() {
    for (rest, expected) in [
        ("", &["1:1! there is no `@graph`"][..]),
        ("\"@graph\": {}", &["2:11! `@graph` must be a list, found a mapping"]),
        (
            "\"@graph\": [\"a\"]",
            &["2:12! an element of `@graph` must be a mapping, found a single value"],
        ),
        (
            "\"type\": \"software_Package\", \"software_packageUrl\": []",
            &["2:52! `software_packageUrl` must be a string, found a list"],
        ),
        (
            "\"type\": \"software_Package\", \"externalIdentifier\":\n\
             {\"externalIdentifierType\": \"packageUrl\"}",
            &["3:1! a purl has no `identifier`"],
        ),
        (
            "\"type\": \"software_Package\", \"externalIdentifiers\":\n\
             [{\"externalIdentifierType\": \"packageURL\", \"identifier\": [1]}]",
            &["3:57! `identifier` must be a string, found a list"],
        ),
        (
            "\"type\": \"software_Package\", \"software_packageUrl\":\n\"pkg:oci/a@sha256:0\"",
            &[
                "3:1! the purl `pkg:oci/a@sha256:0` cannot be used: it has no repository_url, so it \
               does not say where the image is",
            ],
        ),
        (
            "\"type\": \"software_Package\", \"name\": \"a\",\n\"software_primaryPurpose\":\n\
             \"container\", \"software_packageUrl\": \"pkg:generic/a@1\"",
            &["1:1 the container `a` has no image purl, so it is skipped"],
        ),
        (
            "\"@graph\": [{]}",
            &["2:12! this is not valid YAML or JSON: mismatched bracket '{' closed by ']'"],
        ),
    ] {
        let rest = if rest.is_empty() { String::new() } else { format!(",\n{rest}") };
        let text = format!("{THIRD}{rest}}}\n");
        assert_eq!(remarks(&parse("list", &text)), expected, "{text}");
    }
}

#[test]
fn malformed_documents_have_exact_diagnostics() {
    for (text, expected) in [
        (
            "{\"spdxVersion\": \"SPDX-1.2\"}\n",
            &["1:1! the document is neither SPDX 2 nor SPDX 3"][..],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"externalRefs\": [{\"referenceType\": \"purl\"}]}]}\n",
            &["2:32! a purl has no `referenceLocator`"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": {}}\n",
            &["2:13! `packages` must be a list, found a mapping"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"externalRefs\": \"a\"}]}\n",
            &["2:31! `externalRefs` must be a list, found a single value"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"name\": \"a\",\n\
             \"primaryPackagePurpose\": \"CONTAINER\", \"externalRefs\": [\n\
             {\"referenceType\": \"purl\", \"referenceLocator\": \"pkg:generic/a@1\"}]}]}\n",
            &["2:14 the container `a` has no image purl, so it is skipped"],
        ),
        (
            "{\"spdxVersion\": \"SPDX-2.2\",\n\"packages\": [{\"name\" \"a\"}]}\n",
            &[
                "2:22! this is not valid YAML or JSON: invalid trailing content after double-quoted scalar",
            ],
        ),
    ] {
        assert_eq!(remarks(&parse("list", text)), expected, "{text}");
    }
}

#[test]
fn the_probe_accepts_only_spdx_documents() {
    knows_its_own("spdx", probe);
    for (name, head, expected) in [
        ("list", APP, Confidence::Certain),
        ("list", TAGS, Confidence::Certain),
        ("list", &TAGS[..100], Confidence::Certain),
        ("list", "# SPDXVersion: SPDX-2.3\nnginx\n", Confidence::No),
        ("list", "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"/>\n", Confidence::No),
        ("list", "{\"spdxVersion\": \"SPDX-3.0\"}", Confidence::No),
        (
            "list",
            "{\"@context\": \"https://spdx.org/rdf/3.1/spdx-context.jsonld\"}",
            Confidence::Certain,
        ),
        ("list", SHOP, Confidence::Certain),
        ("list", &SHOP[..SHOP.len() / 2], Confidence::Certain),
        ("list", "{\"@context\": \"https://openvex.dev/ns/v0.2.0\"}", Confidence::No),
        ("a.spdx3.json", "{\"@graph\": []}", Confidence::Maybe),
        ("a.spdx.json", "{\"files\": []}", Confidence::Maybe),
        ("list", "{\"bomFormat\": \"CycloneDX\"}", Confidence::No),
        ("a.spdx.json", "a b 1\n", Confidence::No),
        ("list", "", Confidence::No),
    ] {
        assert_eq!(probe(name, head), expected, "{head:?}");
    }
}

#[test]
fn mutated_documents_never_panic() {
    survives_mutations(&[APP, SHOP, TAGS], probe, parse);
}

#[test]
fn a_document_without_images_says_so() {
    let third = format!("{THIRD}, \"@graph\": []}}\n");
    for (text, place) in [
        ("{\"spdxVersion\": \"SPDX-2.3\"}\n", "1:1"),
        ("spdxVersion: SPDX-2.3\npackages: [{name: a}]\n", "1:1"),
        ("SPDXVersion: SPDX-2.3\nPackageName: a\n", "0:0"),
        (third.as_str(), "1:1"),
    ] {
        let said = format!("{place} no package has a purl of the type `oci` or `docker`");
        assert_eq!(remarks(&parse("list", text)), [said], "{text}");
    }
}

#[test]
fn a_document_in_a_wrapper_is_read() {
    let packages = r#""packages": [{"name": "a", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl", "referenceLocator": "pkg:docker/team/a@1.2?repository_url=r.io"}]}]"#;
    let second = format!("{{\"spdxVersion\": \"SPDX-2.3\", {packages}}}");
    let third = format!("{THIRD}, \"@graph\": []}}");
    for (text, found) in [
        (format!("{{\"sbom\": {second}}}"), &["r.io/team/a 1.2"][..]),
        (
            format!("{{\"_type\": \"https://in-toto.io/Statement/v1\", \"predicate\": {second}}}"),
            &["r.io/team/a 1.2"],
        ),
        (format!("{{\"sbom\": {third}}}"), &[]),
    ] {
        assert_eq!(probe("sbom.json", &text), Confidence::Certain, "{text}");
        let parsed = parse("sbom.json", &text);
        let names: Vec<_> = entries(&parsed);
        let names: Vec<_> = names.iter().filter_map(|entry| entry.split_once(' ')).collect();
        assert_eq!(names.iter().map(|(_, name)| *name).collect::<Vec<_>>(), found, "{text}");
    }
    for other in [
        format!("{{\"sbom\": [{second}]}}"),
        "{\"sbom\": {\"a\": 1}}".to_owned(),
        format!("{{\"x\": {second}}}"),
    ] {
        assert_eq!(probe("sbom.json", &other), Confidence::No, "{other}");
    }
}
