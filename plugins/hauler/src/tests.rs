//! Entries and diagnostics of content files, by kind.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const CONTENT: &str = include_str!("../fixtures/content.yaml");

#[test]
fn images_are_entries_and_other_kinds_get_warnings() {
    let parsed = parse("content.yaml", CONTENT);
    assert_eq!(
        entries(&parsed),
        [
            "12 registry.example.com/neuvector/scanner latest linux/amd64",
            "13 docker.io/neuvector/updater latest linux/arm64",
            "15 localhost:5000/updater @sha256:aaaa",
            "33 busybox 1.36",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "9:5 `hauler.dev/key` is ignored: signatures are not verified",
            "15:13 the destination gets no tag, as only a digest is given",
            "17:7 `rewrite` is ignored: --rewrite has plugins for that",
            "18:7 `certificate-identity` is ignored: signatures are not verified",
            "20:1 kind Charts is not mirrored (2 items)",
            "35:1 kind Files is not mirrored (1 item)",
            "41:1 kind ImageTxts is not mirrored",
        ]
    );
}

#[test]
fn empty_values_are_none() {
    for (annotations, image, expected) in [
        ("{hauler.dev/platform: ''}", "{name: 'a:1'}", "5 a 1"),
        ("{hauler.dev/platform: ' ', hauler.dev/registry: ''}", "{name: 'a:1'}", "5 a 1"),
        ("{hauler.dev/platform: linux/arm64}", "{name: 'a:1', platform: ''}", "5 a 1 linux/arm64"),
        ("{hauler.dev/platform: linux/arm64}", "{name: 'a:1', platform: }", "5 a 1 linux/arm64"),
        ("{hauler.dev/platform: linux/arm64}", "{name: 'a:1', platform: all}", "5 a 1"),
        ("{}", "{name: 'a:1', platform: '  '}", "5 a 1"),
        ("{hauler.dev/registry: r.io}", "{name: 'b/a:1'}", "5 r.io/b/a 1"),
        ("{hauler.dev/registry: r.io}", "{name: '[::1]:5000/a:1'}", "5 [::1]:5000/a 1"),
        ("{hauler.dev/registry: r.io}", "{name: 'localhost/a:1'}", "5 localhost/a 1"),
        ("{hauler.dev/registry: '[::1]'}", "{name: 'a:1'}", "5 [::1]/a 1"),
    ] {
        let text = format!(
            "apiVersion: content.hauler.cattle.io/v1\nkind: Images\nmetadata: {{annotations: \
             {annotations}}}\nspec: {{images: [\n{image}]}}\n"
        );
        let parsed = parse("list", &text);
        assert_eq!(entries(&parsed), [expected], "{text}");
        assert_eq!(remarks(&parsed), [""; 0], "{text}");
    }
}

#[test]
fn a_file_without_images_keeps_its_warnings() {
    let of = |kind: &str, spec: &str| {
        let text = format!("apiVersion: content.hauler.cattle.io/v1\nkind: {kind}\nspec: {spec}\n");
        let parsed = parse("list", &text);
        assert_eq!(entries(&parsed), [""; 0], "{text}");
        remarks(&parsed)
    };
    assert_eq!(of("Charts", "{charts: [{name: a}]}"), ["1:1 kind Charts is not mirrored (1 item)"]);
    assert_eq!(of("Files", "{files: [a, b]}"), ["1:1 kind Files is not mirrored (2 items)"]);
    assert_eq!(of("Images", "{images: [], other: 1}"), ["3:20 unknown key \"other\" is ignored"],);
    assert_eq!(
        of("Images", "{images: [{name: a, local: true}]}"),
        ["3:17! an image of the Docker daemon (`local`) is in no registry"],
    );
}

#[test]
fn malformed_files_have_exact_diagnostics() {
    const IMAGES: &str = "apiVersion: content.hauler.cattle.io/v1\nkind: Images\n";
    for (rest, expected) in [
        ("", &["1:1! there are no `spec.images`"][..]),
        ("spec: {images: a}\n", &["3:16! `images` must be a list, found a single value"]),
        (
            "spec:\n  images:\n  - a\n  - key: b\n",
            &[
                "5:5! an item of `images` must be a mapping, found a single value",
                "6:5 `key` is ignored: signatures are not verified",
                "6:5! an image has no `name`",
            ],
        ),
        (
            "spec:\n  images:\n  - name: a b\n    plattform: x\n",
            &["5:11! `a b` is not an image reference", "6:5 unknown key \"plattform\" is ignored"],
        ),
        (
            "spec:\n  images:\n  - {name: a, platform: [x]}\n  - {name: b, local: true}\n",
            &[
                "5:25! `platform` must be a string, found a list",
                "6:5! an image of the Docker daemon (`local`) is in no registry",
            ],
        ),
        (
            "metadata:\n  annotations: {hauler.dev/ca-file: a, hauler.dev/new: b, other: c}\n\
             spec: {images: []}\n",
            &[
                "4:17 `hauler.dev/ca-file` is ignored: signatures are not verified",
                "4:40 the annotation `hauler.dev/new` is not known and ignored",
            ],
        ),
        (
            "spec:\n  images:\n  - name: 'a\n",
            &[
                "5:0! this is not valid YAML or JSON: invalid indentation in multiline quoted scalar",
            ],
        ),
        (
            "---\nkind: Pod\n",
            &["1:1! there are no `spec.images`", "4:1 the document is not a Hauler content file"],
        ),
    ] {
        let text = format!("{IMAGES}{rest}");
        let parsed = parse("list", &text);
        assert_eq!(entries(&parsed), [""; 0], "{text}");
        assert_eq!(remarks(&parsed), expected, "{text}");
    }
    assert_eq!(
        remarks(&parse("list", "apiVersion: content.hauler.cattle.io/v1\n")),
        ["1:1! the document has no kind"]
    );
}

#[test]
fn the_probe_accepts_only_content_files() {
    knows_its_own("hauler", probe);
    for (head, expected) in [
        (CONTENT, Confidence::Certain),
        ("apiVersion: content.hauler.cattle.io/v1\n---\nkind: Pod\n", Confidence::Maybe),
        ("apiVersion: v1\nkind: Pod\n", Confidence::No),
        ("kind: ImageSetConfiguration\napiVersion: mirror.openshift.io/v1alpha2\n", Confidence::No),
        ("nginx:1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", head), expected, "{head:?}");
    }
}

#[test]
fn mutated_files_never_panic() {
    survives_mutations(&[CONTENT], probe, parse);
}
