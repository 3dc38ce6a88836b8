//! What lies on disk: restarts, other tools, many tags, the end of a temporary folder.

use std::fs;

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{OCI_MANIFEST, Running, image, options, refusal, refused};
use crate::{ServeError, serve};
use longshore_oci::Digest;

#[tokio::test]
async fn a_restart_keeps_what_was_pushed_and_clears_what_was_not() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let manifest = registry.push_image("a/b", Some("v1"), b"layer").await;
    let session = registry.post("/v2/a/b/blobs/uploads/").await;
    let session = super::header(&session, "location").to_owned();
    registry.request(Method::PATCH, &session).body("half").send().await.unwrap();
    assert_eq!(registry.incomplete(), 1);
    // As after SIGKILL: nothing is told to stop, and the files stay.
    let Running { served, client, .. } = registry;
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    drop(client);
    let dead = root.path().join(".longshore/incoming/dead");
    fs::create_dir_all(&dead).unwrap();
    fs::write(dead.join("other"), b"half").unwrap();
    let registry = Running::at(root.path()).await;
    assert!(!dead.exists());
    assert_eq!(refused(registry.get(&session).await).await, refusal(404, "BLOB_UPLOAD_UNKNOWN"));
    let got = registry.get("/v2/a/b/manifests/v1").await;
    assert_eq!(got.text().await.unwrap(), manifest);
    registry.stop().await;
}

#[tokio::test]
async fn a_layout_that_another_tool_wrote_is_served_and_kept() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    let digest = Digest::of(manifest.as_bytes());
    let damaged = Digest::of(b"what it was");
    fs::write(root.path().join(format!("a/blobs/sha256/{}", damaged.hex())), b"what it is")
        .unwrap();
    // Another tool replaces the file while the registry runs.
    let entry = |digest: &Digest, size: usize, name: &str| {
        json!({
            "mediaType": OCI_MANIFEST,
            "digest": digest,
            "size": size,
            "platform": {"os": "linux", "architecture": "amd64"},
            "annotations": {"org.opencontainers.image.ref.name": name},
        })
    };
    let index = json!({
        "schemaVersion": 2,
        "annotations": {"kept": "yes"},
        "manifests": [
            entry(&digest, manifest.len(), "mine"),
            entry(&digest, manifest.len(), "example.io/full:name"),
            entry(&damaged, 11, "damaged"),
            {"mediaType": OCI_MANIFEST, "digest": "md5:12", "size": 1},
        ],
    });
    let path = root.path().join("a/index.json");
    let replacement = root.path().join("a/new");
    fs::write(&replacement, index.to_string()).unwrap();
    fs::rename(&replacement, &path).unwrap();

    assert_eq!(registry.head("/v2/a/manifests/v1").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(registry.head("/v2/a/manifests/mine").await.status(), StatusCode::OK);
    let damaged = registry.get("/v2/a/manifests/damaged").await;
    assert_eq!(refused(damaged).await, refusal(404, "MANIFEST_UNKNOWN"));
    registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest).await;
    let written = registry.index_json("a").await;
    assert_eq!(written["annotations"], json!({"kept": "yes"}));
    for entry in index["manifests"].as_array().unwrap() {
        let entries = written["manifests"].as_array().unwrap();
        assert!(entries.contains(entry), "{entry} is lost from {written}");
    }
    assert_eq!(written["manifests"].as_array().unwrap().len(), 5);

    fs::write(&path, b"{ broken").unwrap();
    let broken = registry.get("/v2/a/manifests/mine").await;
    assert_eq!(refused(broken).await, refusal(500, "UNKNOWN"));
    fs::remove_dir_all(root.path().join("a")).unwrap();
    let gone = registry.get("/v2/a/manifests/mine").await;
    assert_eq!(refused(gone).await, refusal(404, "NAME_UNKNOWN"));
    registry.push_image("a", Some("v1"), b"layer").await;
    assert_eq!(registry.head("/v2/a/manifests/v1").await.status(), StatusCode::OK);
    registry.stop().await;
}

#[tokio::test]
async fn many_tags_at_once_are_all_written() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    let pushes = (0..200).map(|number| {
        let path = format!("/v2/a/manifests/t{number}");
        let (registry, manifest) = (&registry, manifest.clone());
        async move { registry.put(&path, OCI_MANIFEST, manifest).await.status() }
    });
    let statuses = futures_util::future::join_all(pushes).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::CREATED), "{statuses:?}");
    let written = registry.index_json("a").await;
    assert_eq!(written["manifests"].as_array().unwrap().len(), 201);
    registry.stop().await;
}

#[tokio::test]
async fn two_registries_may_serve_one_folder() {
    let root = tempfile::tempdir().unwrap();
    let (one, two) = (Running::at(root.path()).await, Running::at(root.path()).await);
    let manifest = one.push_image("a", Some("v1"), b"layer").await;
    assert_eq!(two.get("/v2/a/manifests/v1").await.text().await.unwrap(), manifest);
    let pushes = (0..100).map(|number| {
        let path = format!("/v2/a/manifests/t{number}");
        let registry = if number % 2 == 0 { &one } else { &two };
        let manifest = manifest.clone();
        async move { registry.put(&path, OCI_MANIFEST, manifest).await.status() }
    });
    let statuses = futures_util::future::join_all(pushes).await;
    assert!(statuses.iter().all(|status| *status == StatusCode::CREATED), "{statuses:?}");
    let written = one.index_json("a").await;
    assert_eq!(written["manifests"].as_array().unwrap().len(), 101);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn a_write_that_fails_is_an_error_and_is_not_remembered() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    let incoming = root.path().join(".longshore/incoming");
    fs::remove_dir_all(&incoming).unwrap();
    fs::write(&incoming, "not a folder").unwrap();
    let put = registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest.clone()).await;
    assert_eq!(refused(put).await, refusal(500, "UNKNOWN"));
    let got = registry.get("/v2/a/manifests/v2").await;
    assert_eq!(refused(got).await, refusal(404, "MANIFEST_UNKNOWN"));
    fs::remove_file(&incoming).unwrap();
    let put = registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest).await;
    assert_eq!(put.status(), StatusCode::CREATED);
    registry.stop().await;
}

#[tokio::test]
async fn a_temporary_folder_goes_with_the_registry() {
    let registry = Running::temporary().await;
    registry.push_image("a", Some("v1"), b"layer").await;
    let root = registry.root.clone();
    assert!(root.join("a/oci-layout").is_file());
    registry.stop().await;
    assert!(!root.exists());
}

#[tokio::test]
async fn what_cannot_be_served_is_named() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    registry.push_image("a", Some("v1"), b"layer").await;
    let start = |options| serve(options, |_, _| {}, async {});
    let mut taken = options(None);
    taken.listen = registry.address;
    let error = start(taken).await.unwrap_err();
    assert!(error.to_string().starts_with("listen on 127.0.0.1:"), "{error}");
    let layout = start(options(Some(&root.path().join("a")))).await.unwrap_err();
    assert!(layout.to_string().ends_with("serve the folder above it"), "{layout}");
    let file = root.path().join("file");
    fs::write(&file, image(b"", &json!({}))).unwrap();
    let error = start(options(Some(&file))).await.unwrap_err();
    assert!(matches!(error, ServeError::Root { .. }), "{error}");
    registry.stop().await;
}

#[tokio::test]
async fn a_registry_goes_on_if_its_own_folder_is_removed() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let manifest = registry.push_image("a", Some("v1"), b"layer").await;
    for removed in [".longshore", ".longshore/incoming", ".longshore/locks"] {
        let session = registry.post("/v2/a/blobs/uploads/").await;
        let session = super::header(&session, "location").to_owned();
        registry.request(Method::PATCH, &session).body("half").send().await.unwrap();
        fs::remove_dir_all(root.path().join(removed)).unwrap();
        // Others make the folders again.
        registry.push_image("b", Some(&format!("v{}", removed.len())), removed.as_bytes()).await;
        let whole = Digest::of(b"half and half");
        let closed = format!("{session}?digest={whole}");
        let closed = registry.put(&closed, "application/octet-stream", " and half").await;
        let is_kept = removed.ends_with("locks");
        assert_eq!(closed.status() == StatusCode::CREATED, is_kept, "{removed}: {closed:?}");
        let read = registry.head(&format!("/v2/a/blobs/{whole}")).await;
        assert_eq!(read.status() == StatusCode::OK, is_kept, "{removed}");
        let deleted = registry.delete(&format!("/v2/a/blobs/{whole}")).await;
        assert_eq!(deleted.status() == StatusCode::ACCEPTED, is_kept, "{removed}");
        registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest.clone()).await;
        let tag = registry.delete("/v2/a/manifests/v2").await;
        assert_eq!(tag.status(), StatusCode::ACCEPTED, "{removed}");
    }
    registry.stop().await;
}
