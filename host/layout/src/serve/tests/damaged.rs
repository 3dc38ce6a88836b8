//! Content whose bytes are not what its digest says: it is not there, and a push mends it.

use std::fs;
use std::path::{Path, PathBuf};

use longshore_oci::Digest;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{OCI_INDEX, OCI_MANIFEST, Running, header, image, index, refusal, refused};

fn blob_path(root: &Path, repository: &str, digest: &Digest) -> PathBuf {
    root.join(repository).join("blobs/sha256").join(digest.hex())
}

/// Every way in which a file loses its content.
const DAMAGES: [&str; 5] = ["flipped", "cut", "longer", "empty", "missing"];

/// Damages a file in place, as a disk does: other links of it are damaged too.
fn damage(path: &Path, how: &str) {
    let mut bytes = fs::read(path).unwrap();
    match how {
        "flipped" => bytes[0] ^= 1,
        "cut" => bytes.truncate(bytes.len() - 1),
        "longer" => bytes.push(b'\n'),
        "empty" => bytes.clear(),
        "missing" => return fs::remove_file(path).unwrap(),
        _ => panic!("{how}"),
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_damaged_blob_is_not_there_and_a_push_mends_it() {
    let root = tempfile::tempdir().unwrap();
    for restarted in [false, true] {
        for how in DAMAGES {
            let mut registry = Running::at(root.path()).await;
            registry.push_image("a", Some("v1"), b"layer").await;
            let digest = Digest::of(b"layer");
            damage(&blob_path(root.path(), "a", &digest), how);
            if restarted {
                registry.stop().await;
                registry = Running::at(root.path()).await;
            }
            let path = format!("/v2/a/blobs/{digest}");
            for _ in 0..2 {
                assert_eq!(registry.head(&path).await.status(), StatusCode::NOT_FOUND, "{how}");
                let got = registry.get(&path).await;
                assert_eq!(refused(got).await, refusal(404, "BLOB_UNKNOWN"), "{how}");
                let part = registry.request(Method::GET, &path).header("range", "bytes=0-1");
                let part = part.send().await.unwrap();
                assert_eq!(part.status(), StatusCode::NOT_FOUND, "{how}");
            }
            for from in ["&from=a", ""] {
                let mount = format!("/v2/b/blobs/uploads/?mount={digest}{from}");
                let mounted = registry.post(&mount).await;
                assert_eq!(mounted.status(), StatusCode::ACCEPTED, "{how}{from}");
            }
            let manifest = image(b"layer", &json!({"annotations": {"new": how}}));
            let put = registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest).await;
            assert_eq!(refused(put).await, refusal(400, "MANIFEST_BLOB_UNKNOWN"), "{how}");

            registry.push_blob("a", b"layer").await;
            assert_eq!(registry.get(&path).await.text().await.unwrap(), "layer", "{how}");
            registry.stop().await;
        }
    }
}

#[tokio::test]
async fn a_mount_mends_a_damaged_blob() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let digest = registry.push_blob("a", b"layer").await;
    for how in DAMAGES {
        registry.push_blob("b", b"layer").await;
        damage(&blob_path(root.path(), "b", &digest), how);
        let mounted = registry.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a")).await;
        assert_eq!(mounted.status(), StatusCode::CREATED, "{how}");
        let got = registry.get(&format!("/v2/b/blobs/{digest}")).await;
        assert_eq!(got.text().await.unwrap(), "layer", "{how}");
        fs::remove_file(blob_path(root.path(), "b", &digest)).unwrap();
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_damaged_manifest_is_not_there_and_a_push_mends_it() {
    let root = tempfile::tempdir().unwrap();
    for restarted in [false, true] {
        for how in DAMAGES {
            let mut registry = Running::at(root.path()).await;
            let manifest = registry.push_image("a", Some("v1"), b"layer").await;
            let digest = Digest::of(manifest.as_bytes());
            damage(&blob_path(root.path(), "a", &digest), how);
            if restarted {
                registry.stop().await;
                registry = Running::at(root.path()).await;
            }
            let by_digest = format!("/v2/a/manifests/{digest}");
            for path in ["/v2/a/manifests/v1", &by_digest] {
                assert_eq!(registry.head(path).await.status(), StatusCode::NOT_FOUND, "{how}");
                let got = registry.get(path).await;
                assert_eq!(refused(got).await, refusal(404, "MANIFEST_UNKNOWN"), "{how}");
            }
            let above = index(&[&manifest]);
            let put = registry.put("/v2/a/manifests/above", OCI_INDEX, above.clone()).await;
            assert_eq!(refused(put).await, refusal(400, "MANIFEST_BLOB_UNKNOWN"), "{how}");

            let put = registry.put("/v2/a/manifests/v1", OCI_MANIFEST, manifest.clone()).await;
            assert_eq!(put.status(), StatusCode::CREATED, "{how}");
            for path in ["/v2/a/manifests/v1", &by_digest] {
                assert_eq!(registry.get(path).await.text().await.unwrap(), manifest, "{how}");
            }
            let put = registry.put("/v2/a/manifests/above", OCI_INDEX, above).await;
            assert_eq!(put.status(), StatusCode::CREATED, "{how}");
            registry.delete("/v2/a/manifests/above").await;
            registry.stop().await;
        }
    }
}

#[tokio::test]
async fn a_file_that_is_put_back_is_there_again() {
    let root = tempfile::tempdir().unwrap();
    for restarted in [false, true] {
        let mut registry = Running::at(root.path()).await;
        let manifest = registry.push_image("a", Some("v1"), b"layer").await;
        let files = [manifest.as_bytes(), b"layer", b"{}"];
        let paths = files.map(|file| blob_path(root.path(), "a", &Digest::of(file)));
        for path in &paths {
            damage(path, "flipped");
        }
        if restarted {
            registry.stop().await;
            registry = Running::at(root.path()).await;
        }
        assert_eq!(registry.head("/v2/a/manifests/v1").await.status(), StatusCode::NOT_FOUND);
        for (path, content) in paths.iter().zip(files) {
            fs::write(path, content).unwrap();
        }
        assert_eq!(registry.get("/v2/a/manifests/v1").await.text().await.unwrap(), manifest);
        let layer = registry.get(&format!("/v2/a/blobs/{}", Digest::of(b"layer"))).await;
        assert_eq!(layer.text().await.unwrap(), "layer");
        registry.stop().await;
    }
}

#[tokio::test]
async fn a_damaged_manifest_can_be_deleted() {
    let root = tempfile::tempdir().unwrap();
    for tag in [Some("v1"), None] {
        for how in DAMAGES {
            let registry = Running::at(root.path()).await;
            let manifest = registry.push_image("a", tag, b"layer").await;
            let digest = Digest::of(manifest.as_bytes());
            damage(&blob_path(root.path(), "a", &digest), how);
            registry.stop().await;
            let registry = Running::at(root.path()).await;
            let deleted = registry.delete(&format!("/v2/a/manifests/{digest}")).await;
            assert_eq!(deleted.status(), StatusCode::ACCEPTED, "{how}");
            assert_eq!(registry.index_json("a").await["manifests"], json!([]), "{how}");
            assert!(!blob_path(root.path(), "a", &digest).exists(), "{how}");
            registry.stop().await;
        }
    }
}

#[tokio::test]
async fn a_large_damaged_blob_never_arrives_whole() {
    let root = tempfile::tempdir().unwrap();
    let content = vec![7; 3_000_000];
    let digest = Digest::of(&content);
    let path = blob_path(root.path(), "a", &digest);
    for position in [0, 1_500_000, 2_999_999] {
        let registry = Running::at(root.path()).await;
        registry.push_blob("a", &content).await;
        let mut damaged = content.clone();
        damaged[position] = 8;
        fs::write(&path, damaged).unwrap();
        registry.stop().await;
        // Nobody has read this version: it is hashed on its way out.
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let registry = Running::at(root.path()).await;
        let got = registry.get(&format!("/v2/a/blobs/{digest}")).await;
        assert_eq!(header(&got, "content-length"), "3000000");
        assert!(got.bytes().await.is_err(), "damaged at {position}");
        let again = registry.get(&format!("/v2/a/blobs/{digest}")).await;
        assert_eq!(refused(again).await, refusal(404, "BLOB_UNKNOWN"));
        registry.stop().await;
    }
}
