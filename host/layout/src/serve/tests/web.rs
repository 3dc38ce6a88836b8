//! Pages for people.

use std::fs;

use reqwest::StatusCode;
use serde_json::json;

use super::{OCI_INDEX, OCI_MANIFEST, Running, descriptor, header, index, refusal, refused};

async fn page(registry: &Running, path: &str) -> String {
    let response = registry.get(path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    let policy = header(&response, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn repositories_and_tags_are_shown_with_sizes_and_platforms() {
    let registry = Running::temporary().await;
    registry.push_image("team/app", Some("1"), &[b'x'; 1500]).await;
    registry.push_image("team/app", Some("2"), b"y").await;
    registry.push_image("other", Some("1"), b"z").await;
    let front = page(&registry, "/").await;
    assert!(front.contains("<h1>2 repositories</h1>"), "{front}");
    let link = "<a href=\"/?repository=team%2Fapp\">team/app</a></td><td class=\"number\">2<";
    assert!(front.contains(link), "{front}");
    let tags = page(&registry, "/?repository=team%2Fapp").await;
    assert!(tags.contains("<h1>team/app</h1>") && tags.contains("<td>2</td>"), "{tags}");
    // The layer, the configuration and the manifest.
    assert!(tags.contains("<td class=\"number\">1.8 kB</td>"), "{tags}");
    let absent = registry.get("/?repository=none").await;
    assert_eq!(refused(absent).await, refusal(404, "NAME_UNKNOWN"));
    let bad = registry.get("/?repository=A").await;
    assert_eq!(refused(bad).await, refusal(400, "NAME_INVALID"));
    registry.stop().await;
}

#[tokio::test]
async fn an_index_shows_the_platforms_of_its_children_once_counted() {
    let registry = Running::temporary().await;
    let child = registry.push_image("app", None, &[b'x'; 2000]).await;
    let mut both: serde_json::Value = serde_json::from_str(&index(&[&child, &child])).unwrap();
    both["manifests"][0]["platform"] = json!({"os": "linux", "architecture": "amd64"});
    both["manifests"][1]["platform"] =
        json!({"os": "linux", "architecture": "<b>", "variant": "v8"});
    let put = registry.put("/v2/app/manifests/1", OCI_INDEX, both.to_string()).await;
    assert_eq!(put.status(), StatusCode::CREATED);
    let tags = page(&registry, "/?repository=app").await;
    assert!(tags.contains("linux/amd64, linux/&lt;b&gt;/v8"), "{tags}");
    assert!(!tags.contains("<b>"), "{tags}");
    assert!(tags.contains("<td class=\"number\">2.9 kB</td>"), "the child counts once: {tags}");
    registry.stop().await;
}

#[tokio::test]
async fn a_single_image_has_the_platform_of_its_configuration() {
    let registry = Running::temporary().await;
    let config = br#"{"os":"linux","architecture":"arm","variant":"v7"}"#;
    registry.push_blob("app", config).await;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [],
    });
    registry.put("/v2/app/manifests/1", OCI_MANIFEST, manifest.to_string()).await;
    let tags = page(&registry, "/?repository=app").await;
    assert!(tags.contains("<td>linux/arm/v7</td>"), "{tags}");
    registry.stop().await;
}

#[tokio::test]
async fn long_lists_have_pages() {
    let registry = Running::temporary().await;
    let manifest = registry.push_image("app", Some("t000"), b"x").await;
    for number in 1..=100 {
        let path = format!("/v2/app/manifests/t{number:03}");
        registry.put(&path, OCI_MANIFEST, manifest.clone()).await;
    }
    let first = page(&registry, "/?repository=app").await;
    assert!(first.contains("<td>t099</td>") && !first.contains("<td>t100</td>"));
    let next = "/?repository=app&amp;last=t099";
    assert!(first.contains(&format!("<a href=\"{next}\">Next page</a>")), "{first}");
    let second = page(&registry, &next.replace("&amp;", "&")).await;
    assert!(second.contains("<td>t100</td>") && !second.contains("Next page"));
    registry.stop().await;
}

#[tokio::test]
async fn a_broken_repository_does_not_hide_the_others() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    for name in ["a", "b/c", "z"] {
        registry.push_image(name, Some("1"), b"x").await;
    }
    for broken in ["{", "[]", "", "{\"manifests\":7}", "\u{0}\u{ff}", "<b>"] {
        fs::write(root.path().join("b/c/index.json"), broken).unwrap();
        let front = page(&registry, "/").await;
        for name in ["a", "z"] {
            let row = format!(">{name}</a></td><td class=\"number\">1</td>");
            assert!(front.contains(&row), "{broken:?}: {front}");
        }
        let row = ">b/c</a></td><td class=\"number\">cannot be read: ";
        assert!(front.contains(row) && !front.contains("<b>"), "{broken:?}: {front}");
        let itself = registry.get("/?repository=b%2Fc").await;
        assert_eq!(refused(itself).await, refusal(500, "UNKNOWN"), "{broken:?}");
    }
    registry.stop().await;
}
