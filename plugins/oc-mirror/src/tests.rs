//! What an image set gives, section by section.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const IMAGE_SET: &str = include_str!("../fixtures/imageset.yaml");

#[test]
fn additional_images_are_entries_and_other_sections_are_said() {
    let parsed = parse("imageset.yaml", IMAGE_SET);
    assert_eq!(
        entries(&parsed),
        [
            "14 registry.redhat.io/ubi9/ubi latest",
            "15 quay.io/team/tool @sha256:aaaa",
            "17 quay.io/team/other 1",
        ]
    );
    assert_eq!(
        remarks(&parsed),
        [
            "3:1 `archiveSize` is ignored: longshore makes no archives",
            "4:1 `storageConfig` is ignored: longshore keeps no state between runs",
            "7:3 `platform` is ignored: what it names is not mirrored",
            "11:3 `operators` is ignored: what it names is not mirrored",
            "15:11 the destination gets no tag, as only a digest is given",
            "16:5 `targetRepo` is ignored: --rewrite has plugins for that",
            "18:3 `blockedImages` is ignored: every additional image is mirrored",
            "20:3 `helm` is ignored: what it names is not mirrored",
            "22:3 unknown key \"extras\" is ignored",
        ]
    );
}

#[test]
fn malformed_files_have_exact_remarks() {
    const HEAD: &str = "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n";
    for (rest, expected) in [
        ("", &["1:1! there is no `mirror` section"][..]),
        ("mirror: []\n", &["3:9! `mirror` must be a mapping, found a list"]),
        (
            "mirror: {additionalImages: a}\n",
            &["3:28! `additionalImages` must be a list, found a single value"],
        ),
        (
            "mirror:\n  additionalImages:\n  - a\n  - name: {}\n",
            &[
                "5:5! an item of `additionalImages` must be a mapping, found a single value",
                "6:11! `name` must be a text, found a mapping",
            ],
        ),
        (
            "mirror:\n  additionalImages:\n  - name: oci:///tmp/a\n",
            &["5:11! `oci:///tmp/a` is no image reference"],
        ),
        (
            "mirror: {additionalImages: [}\n",
            &["3:28! this is no valid YAML: mismatched bracket '[' closed by '}'"],
        ),
        (
            "---\nkind: DeleteImageSetConfiguration\n---\na: 1\n",
            &[
                "1:1! there is no `mirror` section",
                "4:1 what is of kind DeleteImageSetConfiguration is not mirrored",
                "6:1! the document is no ImageSetConfiguration",
            ],
        ),
    ] {
        let text = format!("{HEAD}{rest}");
        assert_eq!(remarks(&parse("list", &text)), expected, "{text}");
    }
}

#[test]
fn only_image_sets_are_image_sets() {
    knows_its_own("oc-mirror", probe);
    for (head, expected) in [
        (IMAGE_SET, Confidence::Certain),
        (
            "apiVersion: mirror.openshift.io/v2alpha1\nkind: DeleteImageSetConfiguration\n",
            Confidence::No,
        ),
        ("apiVersion: v1\nkind: ImageSetConfiguration\n", Confidence::No),
        ("apiVersion: content.hauler.cattle.io/v1\nkind: Images\n", Confidence::No),
        ("a b 1\n", Confidence::No),
        ("", Confidence::No),
    ] {
        assert_eq!(probe("list", head), expected, "{head:?}");
    }
}

#[test]
fn changed_files_never_make_it_panic() {
    survives_mutations(&[IMAGE_SET], probe, parse);
}
