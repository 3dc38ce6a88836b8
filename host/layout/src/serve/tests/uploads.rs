//! Blobs: every way to push one, mounting, ranges, deleting.

use std::os::unix::fs::MetadataExt as _;

use futures_util::stream;
use reqwest::{Method, Response, StatusCode};

use super::{Running, header, refusal, refused};
use longshore_oci::{Algorithm, Digest, Hasher};

/// Content that spans several batches and pieces.
fn large() -> Vec<u8> {
    (0_u32..600_000).flat_map(u32::to_le_bytes).collect()
}

async fn patch(registry: &Running, session: &str, range: Option<&str>, body: &[u8]) -> Response {
    let mut request = registry.request(Method::PATCH, session).body(body.to_vec());
    if let Some(range) = range {
        request = request.header("content-range", range);
    }
    request.send().await.unwrap()
}

async fn open(registry: &Running, repository: &str) -> String {
    let opened = registry.post(&format!("/v2/{repository}/blobs/uploads/")).await;
    assert_eq!(opened.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&opened, "range"), "0-0");
    header(&opened, "location").to_owned()
}

async fn content(registry: &Running, repository: &str, digest: &Digest) -> Vec<u8> {
    let got = registry.get(&format!("/v2/{repository}/blobs/{digest}")).await;
    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(header(&got, "docker-content-digest"), digest.to_string());
    let length: usize = header(&got, "content-length").parse().unwrap();
    let bytes = got.bytes().await.unwrap().to_vec();
    assert_eq!(bytes.len(), length);
    bytes
}

#[tokio::test]
async fn a_blob_is_pushed_in_one_request_or_two_and_pulled_back() {
    let registry = Running::temporary().await;
    for (repository, body) in [("a/b", large()), ("a/b/c", b"small".to_vec()), ("e", Vec::new())] {
        let digest = registry.push_blob(repository, &body).await;
        assert!(content(&registry, repository, &digest).await == body, "{repository}: content");

        let other = format!("{repository}/other");
        let session = open(&registry, &other).await;
        let path = format!("{session}?digest={digest}");
        let put = registry.put(&path, "application/octet-stream", body.clone()).await;
        assert_eq!(put.status(), StatusCode::CREATED);
        assert_eq!(header(&put, "location"), format!("/v2/{other}/blobs/{digest}"));
        assert!(content(&registry, &other, &digest).await == body, "{other}: content");
        let again = registry.get(&session).await;
        assert_eq!(refused(again).await, refusal(404, "BLOB_UPLOAD_UNKNOWN"));
    }
    registry.stop().await;
}

#[tokio::test]
async fn chunks_come_in_order_or_not_at_all() {
    let registry = Running::temporary().await;
    let session = open(&registry, "a").await;
    let first = patch(&registry, &session, Some("0-2"), b"abc").await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    assert_eq!(header(&first, "range"), "0-2");

    let early = patch(&registry, &session, Some("5-6"), b"fg").await;
    assert_eq!(early.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&early, "range"), "0-2");
    let odd = patch(&registry, &session, Some("3-9"), b"de").await;
    assert_eq!(refused(odd).await, refusal(400, "SIZE_INVALID"));
    let nonsense = patch(&registry, &session, Some("x"), b"de").await;
    assert_eq!(refused(nonsense).await, refusal(400, "BLOB_UPLOAD_INVALID"));

    let second = patch(&registry, &session, None, b"de").await;
    assert_eq!(header(&second, "range"), "0-4");
    let status = registry.get(&session).await;
    assert_eq!(status.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&status, "range"), "0-4");
    let elsewhere = registry.get(&session.replace("/a/", "/b/")).await;
    assert_eq!(refused(elsewhere).await, refusal(404, "BLOB_UPLOAD_UNKNOWN"));

    let digest = Digest::of(b"abcdef");
    let last = registry.request(Method::PUT, &format!("{session}?digest={digest}"));
    let last = last.header("content-range", "5-5").body("f").send().await.unwrap();
    assert_eq!(last.status(), StatusCode::CREATED);
    assert_eq!(content(&registry, "a", &digest).await, b"abcdef");
    registry.stop().await;
}

#[tokio::test]
async fn what_arrived_of_a_body_that_broke_can_be_continued() {
    let registry = Running::temporary().await;
    let session = open(&registry, "a").await;
    let broken = stream::iter([Ok("abc"), Err(std::io::Error::other("broken"))]);
    let request = registry.request(Method::PATCH, &session);
    let sent = request.body(reqwest::Body::wrap_stream(broken)).send().await;
    assert!(sent.is_err(), "{sent:?}");
    let status = registry.get(&session).await;
    let received = header(&status, "range").to_owned();
    let rest = if received == "0-2" { "def" } else { "abcdef" };
    let digest = Digest::of(b"abcdef");
    let put = registry.put(&format!("{session}?digest={digest}"), "x/y", rest).await;
    assert_eq!(put.status(), StatusCode::CREATED, "after {received}");
    registry.stop().await;
}

#[tokio::test]
async fn content_with_another_digest_is_refused_and_leaves_nothing() {
    let registry = Running::temporary().await;
    let digest = Digest::of(b"right");
    let single = registry.request(Method::POST, &format!("/v2/a/blobs/uploads/?digest={digest}"));
    let single = single.body("wrong").send().await.unwrap();
    assert_eq!(refused(single).await, refusal(400, "DIGEST_INVALID"));
    let session = open(&registry, "a").await;
    let missing = registry.put(&session, "x/y", "right").await;
    assert_eq!(refused(missing).await, refusal(400, "DIGEST_INVALID"));
    let unknown = registry.put(&format!("{session}?digest=md5:12"), "x/y", "right").await;
    assert_eq!(refused(unknown).await, refusal(400, "DIGEST_INVALID"));
    let put = registry.put(&format!("{session}?digest={digest}"), "x/y", "wrong").await;
    assert_eq!(refused(put).await, refusal(400, "DIGEST_INVALID"));
    let head = registry.head(&format!("/v2/a/blobs/{digest}")).await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);
    assert_eq!(registry.incomplete(), 0);
    registry.stop().await;
}

#[tokio::test]
async fn sha512_works_in_every_kind_of_upload() {
    let registry = Running::temporary().await;
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"abcdef");
    let digest = hasher.finish();
    let session = open(&registry, "chunks").await;
    patch(&registry, &session, None, b"abc").await;
    let put = registry.put(&format!("{session}?digest={digest}"), "x/y", "def").await;
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(content(&registry, "chunks", &digest).await, b"abcdef");
    let single = format!("/v2/single/blobs/uploads/?digest={digest}");
    let single = registry.request(Method::POST, &single).body("abcdef").send().await.unwrap();
    assert_eq!(single.status(), StatusCode::CREATED);
    let path = format!("single/blobs/sha512/{}", digest.hex());
    assert!(registry.root.join(path).is_file());
    registry.stop().await;
}

#[tokio::test]
async fn a_mount_links_what_is_there_and_opens_a_session_for_the_rest() {
    let registry = Running::temporary().await;
    let digest = registry.push_blob("a", b"layer").await;
    let absent = Digest::of(b"absent");
    let mount =
        |digest: &Digest, from: &str| format!("/v2/b/c/blobs/uploads/?mount={digest}{from}");

    for path in [
        mount(&absent, ""),
        mount(&digest, "&from=b%2Fc"),
        mount(&digest, "&from=nowhere"),
        mount(&digest, "&from=NOT"),
        mount(&absent, "&from=a"),
    ] {
        let probe = registry.post(&path).await;
        assert_eq!(probe.status(), StatusCode::ACCEPTED, "{path}");
        let cancelled = registry.delete(header(&probe, "location")).await;
        assert_eq!(cancelled.status(), StatusCode::NO_CONTENT);
    }
    for path in [mount(&digest, "&from=a"), mount(&digest, ""), mount(&digest, "&from=b/c")] {
        let mounted = registry.post(&path).await;
        assert_eq!(mounted.status(), StatusCode::CREATED, "{path}");
        assert_eq!(header(&mounted, "location"), format!("/v2/b/c/blobs/{digest}"));
        assert_eq!(header(&mounted, "docker-content-digest"), digest.to_string());
    }
    let path = registry.root.join(format!("b/c/blobs/sha256/{}", digest.hex()));
    assert_eq!(std::fs::metadata(path).unwrap().nlink(), 2);

    let deleted = registry.delete(&format!("/v2/a/blobs/{digest}")).await;
    assert_eq!(deleted.status(), StatusCode::ACCEPTED);
    let again = registry.delete(&format!("/v2/a/blobs/{digest}")).await;
    assert_eq!(refused(again).await, refusal(404, "BLOB_UNKNOWN"));
    assert_eq!(content(&registry, "b/c", &digest).await, b"layer");
    registry.stop().await;
}

#[tokio::test]
async fn a_part_of_a_blob_can_be_had() {
    let registry = Running::temporary().await;
    let body = large();
    let digest = registry.push_blob("a", &body).await;
    let path = format!("/v2/a/blobs/{digest}");
    let from = 1_500_001;
    let request = registry.request(Method::GET, &path).header("range", format!("bytes={from}-"));
    let part = request.send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let size = body.len();
    assert_eq!(header(&part, "content-range"), format!("bytes {from}-{}/{size}", size - 1));
    assert!(part.bytes().await.unwrap() == body[from..], "the part differs");

    let request = registry.request(Method::GET, &path).header("range", "bytes=9999999-");
    let behind = request.send().await.unwrap();
    assert_eq!(behind.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&behind, "content-range"), format!("bytes */{size}"));

    let head = registry.head(&path).await;
    assert_eq!(header(&head, "content-length"), size.to_string());
    assert_eq!(header(&head, "accept-ranges"), "bytes");
    registry.stop().await;
}

#[tokio::test]
async fn the_same_blob_may_be_pushed_by_many_at_once() {
    let registry = Running::temporary().await;
    let body = large();
    let pushes = (0..8).map(|_| registry.push_blob("a", &body));
    for digest in futures_util::future::join_all(pushes).await {
        assert!(content(&registry, "a", &digest).await == body, "content");
    }
    registry.stop().await;
}
