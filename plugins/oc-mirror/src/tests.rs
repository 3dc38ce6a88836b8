//! Entries and diagnostics of an image set, by section.

use longshore_plugin_sdk::list::Confidence;
use longshore_plugin_sdk::testing::{entries, knows_its_own, remarks, survives_mutations};

use super::{parse, probe};

const IMAGE_SET: &str = include_str!("../fixtures/imageset.yaml");

#[test]
fn additional_images_are_entries_and_other_sections_get_warnings() {
    let parsed = parse("imageset.yaml", IMAGE_SET);
    assert_eq!(
        entries(&parsed),
        [
            "14 registry.redhat.io/ubi9/ubi latest",
            "15 quay.io/team/tool @sha256:aaaa",
            "17 quay.io/team/other 1",
            "19 quay.io/team/next 1",
            "20 quay.io/team/pin pinned@sha256:bbbb",
        ]
    );
    let retagged = parsed.entries.iter().map(|entry| entry.destination_tag.as_deref());
    assert_eq!(retagged.collect::<Vec<_>>(), [None, None, None, Some("2"), None]);
    assert_eq!(
        remarks(&parsed),
        [
            "3:1 `archiveSize` is ignored: longshore makes no archives",
            "4:1 `storageConfig` is ignored: longshore keeps no state between runs",
            "7:3 `platform` is ignored: its content is not mirrored",
            "11:3 `operators` is ignored: its content is not mirrored",
            "15:11 the destination gets no tag, as only a digest is given",
            "16:5 `targetRepo` is ignored: --rewrite has plugins for that",
            "18:11 `docker.io/library/alpine:3.20` is among `blockedImages`, so it is skipped",
            "24:11 a pattern of `blockedImages` is not followed: nothing is left out by it",
            "25:3 `helm` is ignored: its content is not mirrored",
            "27:3 unknown key \"extras\" is ignored",
        ]
    );
}

#[test]
fn an_image_set_without_images_keeps_its_warnings() {
    const HEAD: &str = "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\n";
    for (mirror, expected) in [
        (
            "{operators: [{catalog: a}]}",
            &["3:10 `operators` is ignored: its content is not mirrored"][..],
        ),
        (
            "{platform: {channels: [{name: b}]}, helm: {repositories: [c]}}",
            &[
                "3:10 `platform` is ignored: its content is not mirrored",
                "3:45 `helm` is ignored: its content is not mirrored",
            ],
        ),
        (
            "{blockedImages: [{name: a}], additionalImages: [{name: 'a:1'}]}",
            &["3:64 `a:1` is among `blockedImages`, so it is skipped"],
        ),
        ("{}", &[]),
    ] {
        let parsed = parse("list", &format!("{HEAD}mirror: {mirror}\n"));
        assert_eq!(entries(&parsed), [""; 0], "{mirror}");
        assert_eq!(remarks(&parsed), expected, "{mirror}");
    }
}

#[test]
fn an_empty_target_tag_is_none() {
    for tag in ["''", "\"\"", "~", ""] {
        let text = format!(
            "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  \
             additionalImages:\n  - name: '[::1]:5000/a/b:1'\n    targetTag: {tag}\n"
        );
        let parsed = parse("list", &text);
        assert_eq!(entries(&parsed), ["5 [::1]:5000/a/b 1"], "{tag}");
        assert_eq!(parsed.entries[0].destination_tag, None, "{tag}");
        assert_eq!(remarks(&parsed), [""; 0], "{tag}");
    }
}

#[test]
fn blocked_images_are_left_out_as_written_or_with_any_tag() {
    for (blocked, image, taken) in [
        ("a.io/b", "a.io/b:1", false),
        ("a.io/b:1", "a.io/b:1", false),
        ("docker://a.io/b:1", "docker://a.io/b:1", false),
        ("a.io/b@sha256:00", "a.io/b:1@sha256:00", true),
        ("a.io/b:2", "a.io/b:1", true),
        ("a.io/b", "a.io/bb:1", true),
        ("b", "a.io/b:1", true),
    ] {
        let text = format!(
            "apiVersion: mirror.openshift.io/v2alpha1\nkind: ImageSetConfiguration\nmirror:\n  \
             blockedImages: [{{name: '{blocked}'}}]\n  additionalImages: [{{name: '{image}'}}]\n"
        );
        assert_eq!(parse("list", &text).entries.len(), usize::from(taken), "{text}");
    }
}

#[test]
fn malformed_files_have_exact_diagnostics() {
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
                "6:11! `name` must be a string, found a mapping",
            ],
        ),
        (
            "mirror:\n  blockedImages: [{}]\n  additionalImages: [{name: a}]\n",
            &["4:19! an item of `blockedImages` must be a string, found a mapping"],
        ),
        (
            "mirror:\n  additionalImages: [{name: a, targetTag: []}]\n",
            &["4:43! `targetTag` must be a string, found a list"],
        ),
        (
            "mirror:\n  additionalImages:\n  - name: oci:///tmp/a\n",
            &["5:11! `oci:///tmp/a` is not an image reference"],
        ),
        (
            "mirror: {additionalImages: [}\n",
            &["3:28! this is not valid YAML or JSON: mismatched bracket '[' closed by '}'"],
        ),
        (
            "---\nkind: DeleteImageSetConfiguration\n---\na: 1\n",
            &[
                "1:1! there is no `mirror` section",
                "4:1 kind DeleteImageSetConfiguration is not mirrored",
                "6:1! the document is not an ImageSetConfiguration",
            ],
        ),
    ] {
        let text = format!("{HEAD}{rest}");
        let parsed = parse("list", &text);
        assert_eq!(entries(&parsed), [""; 0], "{text}");
        assert_eq!(remarks(&parsed), expected, "{text}");
    }
}

#[test]
fn the_probe_accepts_only_image_sets() {
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
fn mutated_files_never_panic() {
    survives_mutations(&[IMAGE_SET], probe, parse);
}
