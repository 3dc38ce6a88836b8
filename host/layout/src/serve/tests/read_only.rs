//! A registry that is only read.

use longshore_oci::Digest;
use reqwest::Method;

use super::{OCI_MANIFEST, Running, options, refusal, refused};
use crate::serve::{ServeError, ServeOptions, serve};

#[tokio::test]
async fn a_read_only_registry_refuses_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let writable = Running::at(folder.path()).await;
    let manifest = writable.push_image("a", Some("1"), b"x").await;
    let answer = writable.head("/v2/a/manifests/none").await;
    assert_eq!(answer.headers()["allow"], "GET, HEAD, PUT, DELETE");
    let blob = writable.head(&format!("/v2/a/manifests/b/blobs/{}", Digest::of(b"none"))).await;
    assert!(!blob.headers().contains_key("allow"), "`manifests` is part of its name");
    writable.stop().await;
    let reads = ServeOptions { read_only: true, ..options(Some(folder.path())) };
    let registry = Running::start(reads).await;
    assert_eq!(registry.get("/v2/a/manifests/1").await.text().await.unwrap(), manifest);
    for (path, status) in [("/v2/a/manifests/1", 200), ("/v2/a/manifests/none", 404)] {
        let answer = registry.head(path).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["allow"], "GET, HEAD");
    }
    assert_eq!(registry.get("/v2/_catalog").await.status(), 200);
    for path in ["/v2/a/manifests/1", "/v2/a/blobs/uploads/", "/v2/b/blobs/uploads/x", "/v2/"] {
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            let request = registry.request(method, path).header("content-type", OCI_MANIFEST);
            let answer = request.body(manifest.clone()).send().await.unwrap();
            assert_eq!(refused(answer).await, refusal(405, "DENIED"), "{path}");
        }
    }
    assert_eq!(registry.get("/v2/a/manifests/1").await.status(), 200, "it is still there");
    registry.stop().await;
}

#[tokio::test]
async fn a_read_only_registry_needs_a_folder_that_exists() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    for (root, expected) in
        [(None, "name a folder"), (Some(missing.as_path()), "it does not exist")]
    {
        let reads = ServeOptions { read_only: true, ..options(root) };
        let error = serve(reads, |_, _| (), std::future::ready(())).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error, ServeError::NothingToRead | ServeError::Root { .. }));
    }
    assert!(!missing.exists());
}
