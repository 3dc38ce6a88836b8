//! Entries and diagnostics of bills of materials.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const BOM: &str = include_str!("../fixtures/bom.cdx.json");

#[test]
fn purls_of_images_are_entries_at_any_depth() {
    let parsed = parse("bom.cdx.json", BOM);
    assert_eq!(
        entries(&parsed),
        [
            "10 registry.example.com:5000/team/app 1.0@sha256:aaaa",
            "23 docker.io/library/redis 7.2",
            "31 gcr.io/distroless/static nonroot",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "10:15 `arch` of 2 purls is ignored: a digest or tag is copied as a whole",
            "24:9 the container `proxy` has no image purl, so it is skipped",
            "37:52! the purl `pkg:oci/lost@sha256%3Abbbb` cannot be used: it has no repository_url, so \
             it does not say where the image is",
        ]
    );
}

#[test]
fn malformed_documents_have_exact_diagnostics() {
    for (text, expected) in [
        ("{\"bomFormat\": \"Other\"}\n", &["1:1! the document is not CycloneDX"][..]),
        (
            "{\"bomFormat\": \"CycloneDX\",\n \"components\": {}}\n",
            &["2:16! `components` must be a list, found a mapping"],
        ),
        (
            "{\"bomFormat\": \"CycloneDX\",\n \"components\": [{\"type\": \"container\",\n\
             \"name\": \"a\", \"purl\": \"pkg:generic/a@1\"}]}\n",
            &["2:17 the container `a` has no image purl, so it is skipped"],
        ),
        (
            "{\"bomFormat\": \"CycloneDX\",\n \"components\": [{\"purl\": [1]}]}\n",
            &["2:26! `purl` must be a string, found a list"],
        ),
        (
            "{\"bomFormat\": \"CycloneDX\",\n \"components\": [{\"purl\": \"pkg:oci/a\"}}\n",
            &["2:16! this is not valid YAML or JSON: mismatched bracket '[' closed by '}'"],
        ),
        (
            "{\"bomFormat\": \"CycloneDX\", \"components\": [{\"purl\": \"pkg:docker/A%20b@1\"}]}\n",
            &["1:52! `docker.io/A b:1` is not an image reference"],
        ),
    ] {
        assert_eq!(remarks(&parse("list", text)), expected, "{text}");
    }
}

#[test]
fn the_probe_accepts_only_bills_of_materials() {
    knows_its_own("cyclonedx", probe);
    let cut = &BOM[..BOM.len() / 2];
    for (name, head, expected) in [
        ("list", BOM, Confidence::Certain),
        ("list", cut, Confidence::Certain),
        ("bom.cdx.json", "{\"components\": []}", Confidence::Maybe),
        ("list", "{\"components\": []}", Confidence::No),
        ("list", "{\"spdxVersion\": \"SPDX-2.3\"}", Confidence::No),
        ("bom.cdx.json", "a b 1\n", Confidence::No),
        ("list", "", Confidence::No),
    ] {
        assert_eq!(probe(name, head), expected, "{head:?}");
    }
}

#[test]
fn mutated_documents_never_panic() {
    survives_mutations(&[BOM], probe, parse);
}

#[test]
fn xml_is_named_with_the_command_that_makes_json() {
    for text in [
        "<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\">\n</bom>\n",
        "\u{feff}<bom serialNumber=\"a\"\n  xmlns='http://cyclonedx.org/schema/bom/1.2'/>\n",
        "<!-- a remark -->\n<c:bom xmlns:c=\"http://cyclonedx.org/schema/bom/1.6\"/>\n",
    ] {
        assert_eq!(probe("bom.xml", text), Confidence::Certain, "{text}");
        assert_eq!(
            remarks(&parse("bom.xml", text)),
            ["1:0! the document is XML, make JSON of it: `cyclonedx convert --input-file bom.xml \
              --input-format xml --output-file bom.xml.cdx.json --output-format json`"]
        );
    }
    assert_eq!(probe("pom.xml", "<project/>\n"), Confidence::No);
}

#[test]
fn a_document_without_images_says_so() {
    for text in [
        "{\"bomFormat\": \"CycloneDX\"}\n",
        "{\"bomFormat\": \"CycloneDX\", \"components\": []}\n",
        "{\"bomFormat\": \"CycloneDX\", \"components\": [{\"purl\": \"pkg:deb/debian/curl@7\"}]}\n",
    ] {
        let said = ["1:1 no component has a purl of the type `oci` or `docker`"];
        assert_eq!(remarks(&parse("list", text)), said, "{text}");
    }
}

#[test]
fn the_predicate_of_a_statement_is_read() {
    let bom = r#"{"bomFormat": "CycloneDX", "components": [{"type": "container", "purl": "pkg:docker/a@1?repository_url=r.io"}]}"#;
    for wrapper in ["predicate", "sbom"] {
        let text =
            format!("{{\"predicateType\": \"https://cyclonedx.org/bom\", \"{wrapper}\": {bom}}}");
        assert_eq!(probe("bom.json", &text), Confidence::Certain, "{text}");
        assert_eq!(entries(&parse("bom.json", &text)), ["1 r.io/a 1"], "{text}");
    }
    let other = format!("{{\"bom\": {bom}}}");
    assert_eq!(probe("bom.json", &other), Confidence::No);
}
