use bytes::Bytes;

use super::{Difference, Expected, difference};
use crate::shape::IndexMode;
use longshore_oci::{Digest, Manifest, MediaType, PlatformFilter};

fn child(content: &str, platform: &str) -> String {
    let digest = Digest::of(content.as_bytes());
    let (os, architecture) = platform.split_once('/').unwrap();
    format!(
        r#"{{"digest":"{digest}","size":1,"platform":{{"architecture":"{architecture}","os":"{os}"}}}}"#
    )
}

fn list(media_type: &MediaType, children: &[String], extra: &str) -> Manifest {
    let children = children.join(",");
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{children}]{extra}}}"#
    );
    let digest = Digest::of(text.as_bytes());
    Manifest::parse(Bytes::from(text), None, digest).unwrap()
}

fn image() -> Manifest {
    let text = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","layers":[]}}"#,
        MediaType::DOCKER_MANIFEST
    );
    let digest = Digest::of(text.as_bytes());
    Manifest::parse(Bytes::from(text), None, digest).unwrap()
}

fn compared(root: &Manifest, held: &Manifest, mode: IndexMode, wraps: bool) -> Difference {
    let filter = PlatformFilter::of_flags(Some("amd64,arm64"), Some("linux")).unwrap();
    difference(&Expected { root, wraps, verbatim: false, mode, filter: &filter }, held)
}

fn texts(difference: &Difference) -> Vec<&str> {
    difference.findings.kept().iter().map(|finding| finding.text.as_str()).collect()
}

const OCI: MediaType = MediaType::OCI_INDEX;
const DOCKER: MediaType = MediaType::DOCKER_LIST;

#[test]
fn the_messages_of_docker_mode_are_hangar_s() {
    let root = list(&DOCKER, &[child("a", "linux/amd64")], "");
    let single = compared(&root, &image(), IndexMode::Docker, true);
    assert_eq!(
        texts(&single),
        [
            "destination manifest MIME type unknown: application/vnd.docker.distribution.manifest.v2+json"
        ]
    );
    let two = list(&DOCKER, &[child("a", "linux/amd64"), child("b", "linux/arm64")], "");
    let long = compared(&root, &two, IndexMode::Docker, true);
    assert_eq!(texts(&long), ["destination manifest list length should be 1"]);
    assert_eq!((long.src_spec.len(), long.dst_spec.len()), (1, 2));
    let other = list(&DOCKER, &[child("b", "windows/arm64")], "");
    let digests = (Digest::of(b"a"), Digest::of(b"b"));
    assert_eq!(
        texts(&compared(&root, &other, IndexMode::Docker, true)),
        [
            r#"source arch "amd64" != dest arch "arm64""#,
            r#"source os "linux" != dest os "windows""#,
            &format!(r#"source digest "{}" != dest digest "{}""#, digests.0, digests.1),
        ]
    );
}

#[test]
fn children_outside_the_filter_are_no_finding() {
    let root = list(&OCI, &[child("a", "linux/amd64")], "");
    let more = list(&OCI, &[child("s", "linux/s390x"), child("a", "linux/amd64")], "");
    let difference = compared(&root, &more, IndexMode::Preserve, false);
    assert!(difference.findings.is_empty(), "{:?}", texts(&difference));
    assert_eq!(difference.kept, [1]);
}

#[test]
fn lacking_and_extra_children_are_named_with_their_platform() {
    let root = list(&OCI, &[child("a", "linux/amd64")], "");
    let held = list(&OCI, &[child("b", "linux/arm64")], "");
    let difference = compared(&root, &held, IndexMode::Preserve, false);
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    assert_eq!(
        texts(&difference),
        [
            format!("destination lacks manifest {a} (linux/amd64)"),
            format!(
                "destination manifest list has {b}, which the source does not have (linux/arm64)"
            ),
        ]
    );
    assert!(!difference.only_descriptors);
    assert_eq!(difference.findings.kept()[1].platform.as_deref(), Some("linux/arm64"));
}

#[test]
fn a_wrong_record_is_told_from_other_content() {
    let root = list(&OCI, &[child("a", "linux/amd64")], "");
    let wrong = list(&OCI, &[child("a", "linux/s390x")], r#","annotations":{"a":"b"}"#);
    let difference = compared(&root, &wrong, IndexMode::Preserve, false);
    assert_eq!(
        texts(&difference),
        [
            r#"source arch "amd64" != dest arch "s390x" (linux/amd64)"#,
            r#"source annotations "" != dest annotations "{"a":"b"}""#,
        ]
    );
    assert!(difference.only_descriptors);
    let newer = list(&OCI, &[child("b", "linux/amd64")], "");
    assert!(!compared(&root, &newer, IndexMode::Preserve, false).only_descriptors);
}

#[test]
fn another_order_is_a_finding_and_white_space_only_where_nothing_was_rebuilt() {
    let children = [child("a", "linux/amd64"), child("b", "linux/arm64")];
    let root = list(&OCI, &children, "");
    let turned = list(&OCI, &[children[1].clone(), children[0].clone()], "");
    let difference = compared(&root, &turned, IndexMode::Preserve, false);
    assert_eq!(texts(&difference), ["destination manifest list has another order"]);
    let spaced = list(&OCI, &children, " ");
    assert!(compared(&root, &spaced, IndexMode::Preserve, false).findings.is_empty());
}
