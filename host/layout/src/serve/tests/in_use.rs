//! Deleting what something else needs.

use longshore_oci::Digest;
use reqwest::StatusCode;
use serde_json::json;

use super::{OCI_INDEX, OCI_MANIFEST, Running, descriptor, image, index, refusal, refused};

fn by_digest(content: &str) -> String {
    format!("/v2/a/manifests/{}", Digest::of(content.as_bytes()))
}

#[tokio::test]
async fn content_that_a_manifest_names_stays() {
    let root = tempfile::tempdir().unwrap();
    for restarted in [false, true] {
        let mut registry = Running::at(root.path()).await;
        let child = registry.push_image("a", None, b"layer").await;
        let above = index(&[&child]);
        registry.put("/v2/a/manifests/v1", OCI_INDEX, above.clone()).await;
        registry.push_blob("a", b"free").await;
        if restarted {
            registry.stop().await;
            registry = Running::at(root.path()).await;
        }
        for content in [b"layer".as_slice(), b"{}"] {
            let path = format!("/v2/a/blobs/{}", Digest::of(content));
            assert_eq!(refused(registry.delete(&path).await).await, refusal(405, "DENIED"));
            assert_eq!(registry.head(&path).await.status(), StatusCode::OK);
        }
        let refused_child = registry.delete(&by_digest(&child)).await;
        assert_eq!(refused(refused_child).await, refusal(405, "DENIED"));
        assert_eq!(registry.get(&by_digest(&child)).await.text().await.unwrap(), child);
        let free = registry.delete(&format!("/v2/a/blobs/{}", Digest::of(b"free"))).await;
        assert_eq!(free.status(), StatusCode::ACCEPTED);

        // From the top down, everything goes.
        for path in [by_digest(&above), by_digest(&child)] {
            assert_eq!(registry.delete(&path).await.status(), StatusCode::ACCEPTED, "{path}");
        }
        for content in [b"layer".as_slice(), b"{}"] {
            let path = format!("/v2/a/blobs/{}", Digest::of(content));
            assert_eq!(registry.delete(&path).await.status(), StatusCode::ACCEPTED);
        }
        registry.stop().await;
    }
}

#[tokio::test]
async fn a_subject_and_another_repository_hold_nothing() {
    let registry = Running::temporary().await;
    let subject = registry.push_image("a", Some("v1"), b"layer").await;
    let more = json!({"subject": descriptor(OCI_MANIFEST, subject.as_bytes())});
    let signature = image(b"layer", &more);
    registry.put("/v2/a/manifests/signature", OCI_MANIFEST, signature).await;
    let deleted = registry.delete(&by_digest(&subject)).await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED, "referrers outlive their subject");
    registry.push_blob("b", b"layer").await;
    let other = registry.delete(&format!("/v2/b/blobs/{}", Digest::of(b"layer"))).await;
    assert_eq!(other.status(), StatusCode::ACCEPTED);
    registry.stop().await;
}

#[tokio::test]
async fn pushes_and_deletes_at_once_leave_no_tag_without_content() {
    let registry = Running::temporary().await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    for _ in 0..20 {
        let layer = format!("/v2/a/blobs/{}", Digest::of(b"layer"));
        let put = registry.put("/v2/a/manifests/v1", OCI_MANIFEST, manifest.clone());
        let deletes = async {
            registry.delete(&by_digest(&manifest)).await;
            registry.delete(&layer).await
        };
        let (put, _) = tokio::join!(put, deletes);
        let is_tagged = registry.head("/v2/a/manifests/v1").await.status() == StatusCode::OK;
        if is_tagged {
            assert_eq!(registry.head(&layer).await.status(), StatusCode::OK, "{put:?}");
        }
        let tags = registry.get("/v2/a/tags/list").await.text().await.unwrap();
        assert_eq!(tags.contains("v1"), is_tagged, "{tags} after {put:?}");
        registry.push_image("a", Some("v1"), b"layer").await;
    }
    registry.stop().await;
}
