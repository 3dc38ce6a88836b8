//! What an image set gives, section by section.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_trial::{entries, hold, remarks};

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
            "3:1 `archiveSize` does nothing here",
            "4:1 `storageConfig` does nothing here",
            "7:3 what `platform` names is not mirrored",
            "11:3 what `operators` names is not mirrored",
            "15:11 the destination gets no tag, as only a digest is given",
            "16:5 `targetRepo` of an image is not applied",
            "18:3 `blockedImages` are not applied: every additional image is mirrored",
            "20:3 what `helm` names is not mirrored",
            "22:3 `extras` is not known, so it does nothing",
        ]
    );
}

#[test]
fn malformed_files_have_exact_remarks() {
    const HEAD: &str = "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n";
    for (rest, expected) in [
        ("", &["1:1! there is no `mirror` section"][..]),
        ("mirror: []\n", &["1:1! there is no `mirror` section"]),
        (
            "mirror: {additionalImages: a}\n",
            &["3:28! `additionalImages` must be a list, not a text"],
        ),
        (
            "mirror:\n  additionalImages:\n  - a\n  - name: {}\n",
            &["5:5! an image has no `name`", "6:5! an image has no `name`"],
        ),
        (
            "mirror:\n  additionalImages:\n  - name: oci:///tmp/a\n",
            &["5:11! `oci:///tmp/a` is no image reference"],
        ),
        (
            "mirror: {additionalImages: [}\n",
            &["3:28! the document is malformed: mismatched bracket '[' closed by '}'"],
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
    hold(&[IMAGE_SET], probe, parse);
}
