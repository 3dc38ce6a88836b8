//! Manifests: pushing, pulling, refusing, deleting.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{OCI_INDEX, OCI_MANIFEST, Running, header, image, index, refusal, refused};
use longshore_oci::{Algorithm, Digest, Hasher};

#[tokio::test]
async fn a_manifest_comes_back_byte_for_byte_by_tag_and_digest() {
    let registry = Running::temporary().await;
    registry.push_image("a/b", Some("v1"), b"layer").await;
    let odd = format!("\n {}  \n", image(b"layer", &json!({"x": 1.5})));
    let digest = Digest::of(odd.as_bytes());
    let pushed = registry.put("/v2/a/b/manifests/odd", OCI_MANIFEST, odd.clone()).await;
    assert_eq!(pushed.status(), StatusCode::CREATED);
    assert_eq!(header(&pushed, "location"), format!("/v2/a/b/manifests/{digest}"));
    for reference in ["odd", &digest.to_string()] {
        let path = format!("/v2/a/b/manifests/{reference}");
        let head = registry.head(&path).await;
        assert_eq!(header(&head, "content-length"), odd.len().to_string());
        let got = registry.get(&path).await;
        assert_eq!(header(&got, "content-type"), OCI_MANIFEST);
        assert_eq!(header(&got, "docker-content-digest"), digest.to_string());
        assert_eq!(got.text().await.unwrap(), odd);
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_type_that_only_the_header_says_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let list = r#"{"schemaVersion":2,"manifests":[]}"#;
    let docker = "application/vnd.docker.distribution.manifest.list.v2+json";
    registry.put("/v2/a/manifests/v1", &format!("{docker}; charset=utf-8"), list).await;
    registry.stop().await;
    let registry = Running::at(root.path()).await;
    let head = registry.head(&format!("/v2/a/manifests/{}", Digest::of(list.as_bytes()))).await;
    assert_eq!(header(&head, "content-type"), docker);
    registry.stop().await;
}

#[tokio::test]
async fn children_and_blobs_come_first() {
    let registry = Running::temporary().await;
    let path = "/v2/a/manifests/v1";
    let lonely = registry.put(path, OCI_MANIFEST, image(b"layer", &json!({}))).await;
    assert_eq!(refused(lonely).await, refusal(400, "MANIFEST_BLOB_UNKNOWN"));
    let children = index(&[&image(b"layer", &json!({}))]);
    let lonely = registry.put(path, OCI_INDEX, children).await;
    assert_eq!(refused(lonely).await, refusal(400, "MANIFEST_BLOB_UNKNOWN"));
    let nothing = registry.get(path).await;
    assert_eq!(refused(nothing).await, refusal(404, "NAME_UNKNOWN"));

    registry.push_blob("a", b"{}").await;
    let foreign = json!({"layers": [{
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": Digest::of(b"elsewhere"),
        "size": 9,
        "urls": ["https://elsewhere.example/layer"],
    }]});
    let pushed = registry.put(path, OCI_MANIFEST, image(b"", &foreign)).await;
    assert_eq!(pushed.status(), StatusCode::CREATED);
    let nothing = registry.get("/v2/a/manifests/v2").await;
    assert_eq!(refused(nothing).await, refusal(404, "MANIFEST_UNKNOWN"));
    registry.stop().await;
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let registry = Running::temporary().await;
    registry.push_image("a", Some("v1"), b"layer").await;
    let good = image(b"layer", &json!({}));
    let path = "/v2/a/manifests/v2";
    for bad in ["", "<html>", "{}", r#"{"schemaVersion":1,"fsLayers":[{"blobSum":"x"}]}"#] {
        let put = registry.put(path, "application/json", bad).await;
        assert_eq!(refused(put).await, refusal(400, "MANIFEST_INVALID"), "{bad}");
    }
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let put = registry.put(path, docker, good.clone()).await;
    assert_eq!(refused(put).await, refusal(400, "MANIFEST_INVALID"));
    let other = format!("/v2/a/manifests/{}", Digest::of(b"other"));
    let put = registry.put(&other, OCI_MANIFEST, good.clone()).await;
    assert_eq!(refused(put).await, refusal(400, "DIGEST_INVALID"));
    let large = format!("{good}{}", " ".repeat(12 * 1024 * 1024));
    let put = registry.put(path, OCI_MANIFEST, large).await;
    assert_eq!(refused(put).await, refusal(413, "SIZE_INVALID"));
    let almost = format!("{good}{}", " ".repeat(3 * 1024 * 1024));
    let put = registry.put(path, OCI_MANIFEST, almost).await;
    assert_eq!(put.status(), StatusCode::CREATED);
    let put = registry.put("/v2/A/manifests/v1", OCI_MANIFEST, good).await;
    assert_eq!(refused(put).await, refusal(400, "NAME_INVALID"));
    registry.stop().await;
}

#[tokio::test]
async fn a_manifest_may_be_named_by_sha512() {
    let registry = Running::temporary().await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(manifest.as_bytes());
    let path = format!("/v2/a/manifests/{}", hasher.finish());
    let put = registry.put(&path, OCI_MANIFEST, manifest.clone()).await;
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(registry.get(&path).await.text().await.unwrap(), manifest);
    registry.stop().await;
}

/// The names in a repository's `index.json`; `-` is a manifest without one.
async fn names(registry: &Running, repository: &str) -> Vec<String> {
    let index = registry.index_json(repository).await;
    let name = |entry: &Value| {
        let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
        name.as_str().unwrap_or("-").to_owned()
    };
    index["manifests"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn deleting_a_tag_or_an_index_loses_no_other_manifest() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let one = registry.push_image("a", None, b"one").await;
    let two = registry.push_image("a", None, b"two").await;
    assert_eq!(names(&registry, "a").await, ["-", "-"]);
    let both = index(&[&one, &two]);
    for tag in ["v1", "v2"] {
        registry.put(&format!("/v2/a/manifests/{tag}"), OCI_INDEX, both.clone()).await;
    }
    // A tool that reads the layout finds the tags, and the children through them.
    assert_eq!(names(&registry, "a").await, ["v1", "v2"]);

    let deleted = registry.delete("/v2/a/manifests/v1").await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    let again = registry.delete("/v2/a/manifests/v1").await;
    assert_eq!(refused(again).await, refusal(404, "MANIFEST_UNKNOWN"));
    assert_eq!(names(&registry, "a").await, ["v2"]);
    registry.delete("/v2/a/manifests/v2").await;
    assert_eq!(names(&registry, "a").await, ["-"]);

    registry.stop().await;
    let registry = Running::at(root.path()).await;
    let path = |manifest: &str| format!("/v2/a/manifests/{}", Digest::of(manifest.as_bytes()));
    for manifest in [&one, &two, &both] {
        assert_eq!(registry.head(&path(manifest)).await.status(), StatusCode::OK);
    }
    let as_blob = registry.delete(&path(&both).replace("manifests", "blobs")).await;
    assert_eq!(refused(as_blob).await, refusal(405, "UNSUPPORTED"));
    registry.put("/v2/a/manifests/v3", OCI_INDEX, both.clone()).await;
    let deleted = registry.delete(&path(&both)).await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    assert_eq!(registry.head("/v2/a/manifests/v3").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(registry.head(&path(&both)).await.status(), StatusCode::NOT_FOUND);

    registry.stop().await;
    let registry = Running::at(root.path()).await;
    for manifest in [&one, &two] {
        assert_eq!(registry.head(&path(manifest)).await.status(), StatusCode::OK);
    }
    assert_eq!(registry.head(&path(&both)).await.status(), StatusCode::NOT_FOUND);
    registry.stop().await;
}

#[tokio::test]
async fn a_tag_that_moves_keeps_what_it_named() {
    let registry = Running::temporary().await;
    let old = registry.push_image("a", Some("latest"), b"old").await;
    let new = registry.push_image("a", Some("latest"), b"new").await;
    assert_eq!(registry.get("/v2/a/manifests/latest").await.text().await.unwrap(), new);
    let path = format!("/v2/a/manifests/{}", Digest::of(old.as_bytes()));
    assert_eq!(registry.get(&path).await.text().await.unwrap(), old);
    assert_eq!(names(&registry, "a").await, ["-", "latest"]);
    registry.stop().await;
}
