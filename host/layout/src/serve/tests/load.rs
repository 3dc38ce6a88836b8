//! Many clients, slow ones and hostile ones.

use std::io::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_oci::Digest;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{OCI_MANIFEST, Running, descriptor, header, image, options, refusal, refused};

#[tokio::test]
async fn idle_and_half_open_connections_starve_nobody() {
    let registry = Running::temporary().await;
    let host = format!("host: {}\r\n", registry.address);
    let starts = [
        String::new(),
        "GET /v2/ HTTP/1.1\r\n".to_owned(),
        format!("GET /v2/ HTTP/1.1\r\n{host}\r\n"),
        format!("POST /v2/a/blobs/uploads/ HTTP/1.1\r\n{host}content-length: 9\r\n\r\n"),
    ];
    for start in starts {
        let mut open = Vec::new();
        for _ in 0..700 {
            let Ok(mut stream) = TcpStream::connect(registry.address).await else { break };
            let _ = stream.write_all(start.as_bytes()).await;
            open.push(stream);
        }
        let root = timeout(Duration::from_secs(5), registry.get("/v2/")).await;
        assert_eq!(root.expect("starved").status(), StatusCode::OK, "{start:?}");
    }
    registry.stop().await;
}

async fn with_users(file: &str) -> Running {
    let mut users = tempfile::NamedTempFile::new().unwrap();
    users.write_all(file.as_bytes()).unwrap();
    let mut options = options(None);
    options.htpasswd = Some(users.path().to_owned());
    Running::start(options).await
}

async fn status(registry: &Running, user: &str, password: &str) -> StatusCode {
    let request = registry.request(Method::GET, "/v2/").basic_auth(user, Some(password));
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn wrong_passwords_do_not_delay_a_right_one() {
    let hash = bcrypt::hash("secret", 10).unwrap();
    let registry = with_users(&format!("ada:{hash}\nbob:{hash}\n")).await;
    let began = Instant::now();
    assert_eq!(status(&registry, "bob", "secret").await, StatusCode::OK);
    let alone = began.elapsed();
    for wrong_user in ["ada", "nobody"] {
        let wrong = (0..150).map(|number| {
            let (registry, password) = (&registry, format!("wrong{number}"));
            async move { status(registry, wrong_user, &password).await }
        });
        let right = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            for user in ["ada", "bob"] {
                let began = Instant::now();
                assert_eq!(status(&registry, user, "secret").await, StatusCode::OK, "{user}");
                let waited = began.elapsed();
                let fair = alone * 20 + Duration::from_secs(2);
                assert!(waited < fair, "{user} waited {waited:?}, alone it took {alone:?}");
            }
        };
        let (statuses, ()) = tokio::join!(join_all(wrong), right);
        assert!(statuses.iter().all(|status| {
            [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS].contains(status)
        }));
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_password_that_bcrypt_would_cut_is_refused() {
    let long = "x".repeat(72);
    let hashed = [bcrypt::hash(&long, 4).unwrap(), bcrypt::hash("x", 4).unwrap()];
    let registry = with_users(&format!("ada:{}\nbob:{}\n", hashed[0], hashed[1])).await;
    assert_eq!(status(&registry, "ada", &long).await, StatusCode::OK);
    assert_eq!(status(&registry, "bob", "x").await, StatusCode::OK);
    for (user, password) in [
        ("ada", format!("{long}y")),
        ("ada", long.repeat(2)),
        ("ada", format!("{}é", "x".repeat(71))),
        ("ada", "x".repeat(71)),
        ("bob", "x\0x".to_owned()),
        ("bob", "x\0".to_owned()),
    ] {
        let refused = status(&registry, user, &password).await;
        assert_eq!(refused, StatusCode::UNAUTHORIZED, "{user}:{password:?}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn another_host_and_another_site_s_page_are_refused() {
    let mut options = options(None);
    options.hosts = vec!["registry.example".to_owned()];
    let registry = Running::start(options).await;
    let port = registry.address.port();
    for (name, value) in [
        ("host", "evil.example".to_owned()),
        ("host", format!("evil.example:{port}")),
        ("host", "localhost.evil.example".to_owned()),
        ("origin", "http://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
    ] {
        for (method, path) in [
            (Method::GET, "/v2/"),
            (Method::POST, "/v2/a/blobs/uploads/"),
            (Method::DELETE, "/v2/a/manifests/v1"),
        ] {
            let asked = registry.request(method, path).header(name, &value).send().await.unwrap();
            assert_eq!(refused(asked).await, refusal(403, "DENIED"), "{name}: {value}");
        }
    }
    for host in ["registry.example", "localhost", "[::1]:1"] {
        let asked = registry.request(Method::GET, "/v2/").header("host", host).send().await;
        assert_eq!(asked.unwrap().status(), StatusCode::OK, "{host}");
    }
    registry.stop().await;
}

#[tokio::test]
async fn many_sessions_push_out_idle_ones_and_not_those_in_use() {
    let registry = Running::temporary().await;
    let open = || async {
        let opened = registry.post("/v2/a/blobs/uploads/").await;
        header(&opened, "location").to_owned()
    };
    let (used, unused) = (open().await, open().await);
    let patched = registry.request(Method::PATCH, &used).body("half").send().await.unwrap();
    assert_eq!(patched.status(), StatusCode::ACCEPTED);
    let mut last = String::new();
    for _ in 0..1100 {
        last = open().await;
    }
    let gone = registry.get(&unused).await;
    assert_eq!(refused(gone).await, refusal(404, "BLOB_UPLOAD_UNKNOWN"));
    for kept in [&used, &last] {
        assert_eq!(registry.get(kept).await.status(), StatusCode::NO_CONTENT);
    }
    registry.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing_behind() {
    let registry = Running::temporary().await;
    let digest = Digest::of(b"whole");
    for _ in 0..3 {
        let mut stream = TcpStream::connect(registry.address).await.unwrap();
        let head = format!(
            "POST /v2/a/blobs/uploads/?digest={digest} HTTP/1.1\r\nhost: {}\r\n\
             content-length: 5\r\n\r\nwho",
            registry.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        let _ = timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await;
        assert!(!answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
    assert_eq!(registry.incomplete(), 0);
    registry.stop().await;
}

#[tokio::test]
async fn large_annotations_are_listed_in_pages() {
    let registry = Running::temporary().await;
    registry.push_image("a", Some("v1"), b"x").await;
    let subject = Digest::of(b"subject");
    let mut expected = Vec::new();
    for number in 0..12 {
        let kind = if number % 2 == 0 { "application/even" } else { "application/odd" };
        let manifest = image(
            b"x",
            &json!({
                "subject": descriptor(OCI_MANIFEST, b"subject"),
                "artifactType": kind,
                "annotations": {"text": number.to_string().repeat(400_000)},
            }),
        );
        let digest = Digest::of(manifest.as_bytes()).to_string();
        let path = format!("/v2/a/manifests/{digest}");
        let pushed = registry.put(&path, OCI_MANIFEST, manifest).await;
        assert_eq!(pushed.status(), StatusCode::CREATED);
        expected.push((digest, kind));
    }
    for filter in [None, Some("application/even"), Some("application/none")] {
        let query = filter.map_or_else(String::new, |kind| format!("?artifactType={kind}"));
        let mut next = Some(format!("/v2/a/referrers/{subject}{query}"));
        let (mut found, mut pages) = (Vec::new(), 0);
        while let Some(path) = next {
            let page = registry.get(&path).await;
            next = page.headers().get("link").map(|link| {
                let link = link.to_str().unwrap();
                assert!(link.ends_with(">; rel=\"next\""), "{link}");
                link[1..].split('>').next().unwrap().to_owned()
            });
            let text = page.text().await.unwrap();
            assert!(text.len() < 3_000_000, "a page has {} bytes", text.len());
            let page: serde_json::Value = serde_json::from_str(&text).unwrap();
            let digests = page["manifests"].as_array().unwrap().iter();
            found.extend(digests.map(|line| line["digest"].as_str().unwrap().to_owned()));
            pages += 1;
        }
        let fitting =
            expected.iter().filter(|(_, kind)| filter.is_none_or(|wanted| wanted == *kind));
        let mut fitting: Vec<String> = fitting.map(|(digest, _)| digest.clone()).collect();
        fitting.sort_unstable();
        assert_eq!(found, fitting, "{filter:?}");
        assert!(filter == Some("application/none") || pages > 1, "{filter:?}: {pages} pages");
    }
    let long = json!({"mediaType": format!("application/{}", "x".repeat(300))});
    let put = registry.put("/v2/a/manifests/v2", OCI_MANIFEST, image(b"x", &long)).await;
    assert_eq!(refused(put).await, refusal(400, "MANIFEST_INVALID"));
    registry.stop().await;
}
