//! Lists: tags, repositories, referrers.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use super::{OCI_INDEX, OCI_MANIFEST, Running, descriptor, header, image, refusal, refused};
use longshore_oci::Digest;

async fn document(response: Response) -> Value {
    assert_eq!(response.status(), StatusCode::OK, "{response:?}");
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

#[tokio::test]
async fn tags_come_in_order_and_in_pages() {
    let registry = Running::temporary().await;
    let manifest = registry.push_image("a/b", Some("t03"), b"x").await;
    let pushes = ["t01", "t05", "t02", "t04", "T01"].map(|tag| {
        let path = format!("/v2/a/b/manifests/{tag}");
        let (registry, manifest) = (&registry, manifest.clone());
        async move { registry.put(&path, OCI_MANIFEST, manifest).await }
    });
    for pushed in futures_util::future::join_all(pushes).await {
        assert_eq!(pushed.status(), StatusCode::CREATED);
    }
    let all = document(registry.get("/v2/a/b/tags/list").await).await;
    let sorted = ["T01", "t01", "t02", "t03", "t04", "t05"];
    assert_eq!(all, json!({"name": "a/b", "tags": sorted}));

    let mut found = Vec::new();
    let mut next = Some("/v2/a/b/tags/list?n=4".to_owned());
    while let Some(path) = next {
        let page = registry.get(&path).await;
        next = page.headers().get("link").map(|link| {
            let link = link.to_str().unwrap();
            assert!(link.ends_with(">; rel=\"next\""), "{link}");
            link[1..].split('>').next().unwrap().to_owned()
        });
        found.push(document(page).await["tags"].as_array().unwrap().len());
    }
    assert_eq!(found, [4, 2]);
    let none = document(registry.get("/v2/a/b/tags/list?n=0").await).await;
    assert_eq!(none["tags"], json!([]));
    let behind = document(registry.get("/v2/a/b/tags/list?last=t03").await).await;
    assert_eq!(behind["tags"], json!(["t04", "t05"]));
    let bad = registry.get("/v2/a/b/tags/list?n=x").await;
    assert_eq!(refused(bad).await, refusal(400, "PAGINATION_NUMBER_INVALID"));
    let unknown = registry.get("/v2/a/tags/list").await;
    assert_eq!(refused(unknown).await, refusal(404, "NAME_UNKNOWN"));
    registry.stop().await;
}

#[tokio::test]
async fn the_catalog_names_each_repository_with_a_manifest() {
    let registry = Running::temporary().await;
    for repository in ["b", "a/b", "a", "a/blobs", "a/blobs/index.json"] {
        registry.push_image(repository, Some("v1"), b"x").await;
    }
    registry.push_blob("only/blobs", b"x").await;
    let all = document(registry.get("/v2/_catalog").await).await;
    assert_eq!(all["repositories"], json!(["a", "a/b", "a/blobs", "a/blobs/index.json", "b"]));
    let page = registry.get("/v2/_catalog?n=2&last=a").await;
    assert_eq!(header(&page, "link"), "</v2/_catalog?n=2&last=a%2Fblobs>; rel=\"next\"");
    assert_eq!(document(page).await["repositories"], json!(["a/b", "a/blobs"]));
    registry.stop().await;
}

#[tokio::test]
async fn referrers_are_listed_filtered_and_survive_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let registry = Running::at(root.path()).await;
    let subject = Digest::of(b"not pushed yet");
    let path = format!("/v2/a/referrers/{subject}");
    let none = registry.get(&path).await;
    assert_eq!(header(&none, "content-type"), OCI_INDEX);
    assert_eq!(document(none).await["manifests"], json!([]));

    registry.push_image("a", Some("v1"), b"x").await;
    let by_config = image(b"x", &json!({"subject": descriptor(OCI_MANIFEST, b"not pushed yet")}));
    let stated = image(
        b"x",
        &json!({
            "subject": descriptor(OCI_MANIFEST, b"not pushed yet"),
            "artifactType": "application/vnd.example.sbom+json",
            "annotations": {"who": "me"},
        }),
    );
    for manifest in [&by_config, &stated] {
        let manifest_path = format!("/v2/a/manifests/{}", Digest::of(manifest.as_bytes()));
        let pushed = registry.put(&manifest_path, OCI_MANIFEST, manifest.clone()).await;
        assert_eq!(header(&pushed, "oci-subject"), subject.to_string());
    }
    registry.stop().await;
    let registry = Running::at(root.path()).await;

    let all = document(registry.get(&path).await).await;
    let mut types: Vec<&str> = all["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["artifactType"].as_str().unwrap())
        .collect();
    types.sort_unstable();
    let config = "application/vnd.oci.image.config.v1+json";
    assert_eq!(types, ["application/vnd.example.sbom+json", config]);

    let filter = format!("{path}?artifactType=application/vnd.example.sbom+json");
    let filtered = registry.get(&filter).await;
    assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
    let mut expected = descriptor(OCI_MANIFEST, stated.as_bytes());
    expected["artifactType"] = json!("application/vnd.example.sbom+json");
    expected["annotations"] = json!({"who": "me"});
    assert_eq!(document(filtered).await["manifests"], json!([expected]));

    let digest = Digest::of(stated.as_bytes());
    registry.delete(&format!("/v2/a/manifests/{digest}")).await;
    assert_eq!(document(registry.get(&filter).await).await["manifests"], json!([]));
    let bad = registry.get("/v2/a/referrers/sha256:12").await;
    assert_eq!(refused(bad).await, refusal(400, "DIGEST_INVALID"));
    registry.stop().await;
}
