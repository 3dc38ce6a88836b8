//! Entries of the folder that are not files of content: FIFOs, links, folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use longshore_oci::Digest;
use reqwest::{Response, StatusCode};
use rustix::fs::{CWD, FileType, Mode};
use tokio::time::timeout;

use super::{OCI_MANIFEST, Running, options, refusal, refused};
use crate::{ServeError, serve};

fn fifo(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Puts something at `path` that is not a file; `real` is a file of the right content.
fn plant(path: &Path, what: &str, real: &Path) {
    if path.exists() {
        fs::rename(path, real).unwrap();
    }
    match what {
        "fifo" => fifo(path),
        "link" => symlink(real, path).unwrap(),
        "dangling" => symlink("/nowhere/at/all", path).unwrap(),
        "device" => symlink("/dev/zero", path).unwrap(),
        "folder" => fs::create_dir(path).unwrap(),
        _ => panic!("{what}"),
    }
}

const PLANTED: [&str; 5] = ["fifo", "link", "dangling", "device", "folder"];

async fn soon(response: impl Future<Output = Response>) -> Response {
    timeout(Duration::from_secs(5), response).await.expect("it waits")
}

#[tokio::test]
async fn what_is_no_file_is_no_content() {
    for what in PLANTED {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let registry = Running::at(root.path()).await;
        let manifest = registry.push_image("a", Some("v1"), b"layer").await;
        let blob = Digest::of(b"layer");
        let path = root.path().join("a/blobs/sha256").join(blob.hex());
        plant(&path, what, &outside.path().join("blob"));
        let url = format!("/v2/a/blobs/{blob}");
        let head = soon(registry.head(&url)).await;
        assert_eq!(head.status(), StatusCode::NOT_FOUND, "{what}");
        assert_eq!(refused(soon(registry.get(&url)).await).await, refusal(404, "BLOB_UNKNOWN"));
        let mount = format!("/v2/b/blobs/uploads/?mount={blob}&from=a");
        assert_eq!(soon(registry.post(&mount)).await.status(), StatusCode::ACCEPTED, "{what}");
        let put = registry.put("/v2/a/manifests/v2", OCI_MANIFEST, manifest.clone());
        assert_eq!(soon(put).await.status(), StatusCode::BAD_REQUEST, "{what}");
        if what != "folder" {
            registry.push_blob("a", b"layer").await;
            assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{what}");
            assert_eq!(registry.get(&url).await.text().await.unwrap(), "layer");
        }
        registry.stop().await;
    }
}

#[tokio::test]
async fn what_is_no_file_is_no_index() {
    for what in PLANTED {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let registry = Running::at(root.path()).await;
        registry.push_image("a", Some("v1"), b"layer").await;
        let path = root.path().join("a/index.json");
        plant(&path, what, &outside.path().join("index.json"));
        for url in ["/v2/a/manifests/v1", "/v2/a/tags/list"] {
            let got = soon(registry.get(url)).await;
            assert_eq!(refused(got).await, refusal(404, "NAME_UNKNOWN"), "{what}");
        }
        let catalog = soon(registry.get("/v2/_catalog")).await;
        assert_eq!(catalog.text().await.unwrap(), r#"{"repositories":[]}"#, "{what}");
        registry.stop().await;
    }
}

#[tokio::test]
async fn nothing_is_read_or_written_behind_a_link() {
    for linked in ["a", "a/blobs", "a/blobs/sha256", "a/b"] {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let registry = Running::at(root.path()).await;
        let repository = "a/b";
        registry.push_image("a", Some("v1"), b"layer").await;
        registry.push_image(repository, Some("v1"), b"layer").await;
        let moved = outside.path().join("moved");
        fs::rename(root.path().join(linked), &moved).unwrap();
        symlink(&moved, root.path().join(linked)).unwrap();
        let before = count(outside.path());
        let repository = if linked == "a/b" { "a/b" } else { "a" };
        let blob = Digest::of(b"layer");
        let head = registry.head(&format!("/v2/{repository}/blobs/{blob}")).await;
        assert_eq!(head.status(), StatusCode::NOT_FOUND, "{linked}");
        let tag = registry.head(&format!("/v2/{repository}/manifests/v1")).await;
        assert_eq!(tag.status(), StatusCode::NOT_FOUND, "{linked}");
        let other = Digest::of(b"other");
        let push = format!("/v2/{repository}/blobs/uploads/?digest={other}");
        let pushed = registry.request(reqwest::Method::POST, &push).body("other").send().await;
        assert_eq!(refused(pushed.unwrap()).await, refusal(500, "UNKNOWN"), "{linked}");
        let deleted = registry.delete(&format!("/v2/{repository}/blobs/{blob}")).await;
        assert_eq!(deleted.status(), StatusCode::NOT_FOUND, "{linked}");
        assert_eq!(count(outside.path()), before, "{linked}: something was written");
        registry.stop().await;
    }
}

fn count(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below =
        entries.map(
            |entry| {
                if entry.file_type().unwrap().is_dir() { 1 + count(&entry.path()) } else { 1 }
            },
        );
    below.sum()
}

#[tokio::test]
async fn longshore_s_own_folders_are_no_links() {
    for own in [".longshore", ".longshore/incoming", ".longshore/locks"] {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(outside.path().join("documents")).unwrap();
        fs::write(outside.path().join("documents/letter"), b"dear").unwrap();
        fs::write(outside.path().join("note"), b"dear").unwrap();
        if own != ".longshore" {
            fs::create_dir(root.path().join(".longshore")).unwrap();
        }
        symlink(outside.path(), root.path().join(own)).unwrap();
        let started = serve(options(Some(root.path())), |_, _| {}, async {}).await;
        assert!(matches!(started, Err(ServeError::Root { .. })), "{own}: {started:?}");
        assert_eq!(count(outside.path()), 3, "{own}");
    }
    for lock in ["incoming.lock", "locks/00"] {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".longshore/locks")).unwrap();
        fifo(&root.path().join(".longshore").join(lock));
        let start = serve(options(Some(root.path())), |_, _| {}, async {});
        let started = timeout(Duration::from_secs(5), start).await.expect("it waits");
        assert_eq!(started.is_err(), lock == "incoming.lock", "{started:?}");
    }
}

#[tokio::test]
async fn a_dead_process_s_folder_may_hold_anything() {
    let root = tempfile::tempdir().unwrap();
    let dead = root.path().join(".longshore/incoming/dead");
    fs::create_dir_all(&dead).unwrap();
    fifo(&dead.join("lock"));
    symlink("/nowhere", dead.join("link")).unwrap();
    let registry = timeout(Duration::from_secs(5), Running::at(root.path())).await;
    registry.expect("it waits").stop().await;
}
