//! Manifests, tags and referrers.

use std::fs;

use longshore_oci::{Digest, referrers_tag};
use longshore_store::{Fault, Intent};
use serde_json::json;

use super::{OCI_MANIFEST, Opened, by_digest, described, image, index, raw, repository, tag};

#[tokio::test]
async fn manifests_and_indexes_come_back_byte_for_byte() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let one = opened.push_image("team/app", "one", b"one").await;
    let two = opened.push_image("team/app", "two", b"two").await;
    let both = index(&[&one, &two]);
    let pushed = opened.push("team/app", &tag("both"), &both).await.unwrap();
    assert!(!pushed.is_listed);
    // What is read was not written by this store.
    let again = Opened::at(root.path());
    for (under, manifest) in [("one", &one), ("two", &two), ("both", &both)] {
        for reference in [tag(under), by_digest(manifest)] {
            let read = again.read("team/app", &reference).await.unwrap();
            assert_eq!(read.raw, *manifest);
            let resolved =
                again.store.resolve(&repository("team/app"), &reference, Intent::Push).await;
            assert_eq!(resolved.unwrap().as_ref(), Some(&manifest.digest));
        }
    }
    let tags = again.store.tags(&repository("team/app")).await.unwrap();
    assert_eq!(tags, ["both", "one", "two"]);
    assert_eq!(again.store.repositories().await.unwrap(), ["team/app"]);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    opened.push_image("app", "1", b"layer").await;
    let folder = root.path().display();
    let error = opened.read("app", &tag("2")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "fetch manifest oci:{folder}/app:2: not found; the only tag of the image layout is 1"
        )
    );
    assert!(error.is_not_found());
    for at in ["app", "none"] {
        let none = opened.store.resolve(&repository(at), &tag("2"), Intent::Read).await;
        assert_eq!(none.unwrap(), None);
    }
    let error = opened.store.tags(&repository("none")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "list the tags of oci:{folder}/none: not found; there is no image layout at {folder}/none"
        )
    );
    let error = opened.store.tags(&repository("ns/app")).await.unwrap_err().to_string();
    assert!(
        error.ends_with(
            "no image layout at {folder}/ns/app; the folder has app"
                .replace("{folder}", &folder.to_string())
                .as_str()
        ),
        "{error}"
    );
    for other in ["ap", "app/x", "pp"] {
        let error = opened.store.tags(&repository(other)).await.unwrap_err().to_string();
        assert!(!error.contains("the folder has"), "{error}");
    }
    // A blob is not a manifest.
    let blob = longshore_oci::ManifestReference::Digest(Digest::of(b"layer"));
    assert!(opened.read("app", &blob).await.unwrap_err().is_not_found());
    let subject = Digest::of(b"subject");
    let store = opened.store.as_ref();
    let none = store.referrers(&repository("none"), &subject, Intent::Read).await;
    assert_eq!(none.unwrap(), Some(Vec::new()));
    let none = store.tagged_referrers(&repository("none"), &subject, Intent::Read).await;
    assert_eq!(none.unwrap(), Vec::new());
}

#[tokio::test]
async fn a_damaged_manifest_is_noticed_and_mended() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let manifest = opened.push_image("app", "1", b"layer").await;
    let path = opened.blob_path("app", &manifest.bytes);
    let mut bytes = manifest.bytes.to_vec();
    *bytes.last_mut().unwrap() = b' ';
    fs::write(&path, bytes).unwrap();
    // The index was read before the damage, and after it.
    let again = Opened::at(root.path());
    for opened in [&opened, &again] {
        for reference in [tag("1"), by_digest(&manifest)] {
            let error = opened.read("app", &reference).await.unwrap_err();
            assert!(matches!(*error.fault, Fault::Digest { .. }), "{error}");
        }
    }
    opened.push("app", &tag("1"), &manifest).await.unwrap();
    assert_eq!(opened.read("app", &tag("1")).await.unwrap().raw, manifest);
    fs::remove_file(&path).unwrap();
    assert!(opened.read("app", &tag("1")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn content_comes_before_its_manifest() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let manifest = image(&[b"layer"], &json!({}));
    for missing in [&manifest, &index(&[&manifest])] {
        let error = opened.push("app", &tag("1"), missing).await.unwrap_err();
        assert_eq!(*error.fault, Fault::MissingContent);
        let text = error.to_string();
        let folder = root.path().display();
        assert!(text.starts_with(&format!("push manifest oci:{folder}/app:1: ")), "{text}");
        assert!(text.contains("which is not in the repository"), "{text}");
    }
    assert!(!root.path().join("app").exists(), "nothing was written");

    opened.place_good("app", b"{}").await;
    let foreign = json!({"layers": [{
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": Digest::of(b"elsewhere"),
        "size": 9,
        "urls": ["https://elsewhere.example/layer"],
    }]});
    opened.push("app", &tag("1"), &image(&[], &foreign)).await.unwrap();
    let mut cache = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": foreign["layers"],
    });
    opened.push("app", &tag("cache"), &raw(&cache.to_string())).await.unwrap();
    cache["manifests"][0]["urls"] = json!([]);
    let error = opened.push("app", &tag("other"), &raw(&cache.to_string())).await.unwrap_err();
    assert_eq!(*error.fault, Fault::MissingContent, "it lives nowhere else");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_again_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let large = raw(&format!(r#"{{"layers":[]}}{}"#, " ".repeat(4 * 1024 * 1024)));
    let error = opened.push("app", &tag("1"), &large).await.unwrap_err();
    assert_eq!(*error.fault, Fault::Refused);
    let small = raw(r#"{"layers":[]}"#);
    let error = opened.push("app", &by_digest(&large), &small).await.unwrap_err();
    assert_eq!(*error.fault, Fault::Refused);
}

#[tokio::test]
async fn referrers_are_listed_by_their_subject_and_by_the_fallback_tag() {
    let root = tempfile::tempdir().unwrap();
    let opened = Opened::at(root.path());
    let image_of_all = opened.push_image("app", "1", b"layer").await;
    let subject = json!({"subject": described(OCI_MANIFEST, &image_of_all.bytes)});
    let signature = image(&[b"layer"], &subject);
    let pushed = opened.push("app", &by_digest(&signature), &signature).await.unwrap();
    assert!(pushed.is_listed);

    let (at, store) = (repository("app"), opened.store.as_ref());
    let listed = store.referrers(&at, &image_of_all.digest, Intent::Read).await.unwrap().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].digest, signature.digest);
    assert_eq!(listed[0].size, signature.bytes.len() as u64);

    // As a registry without the referrers API has it: an old referrer, and the one above.
    let old = opened.push_image("app", "old", b"old").await;
    let fallback = tag(referrers_tag(&image_of_all.digest).unwrap().as_str());
    opened.push("app", &fallback, &index(&[&old, &signature])).await.unwrap();
    let listed = store.referrers(&at, &image_of_all.digest, Intent::Read).await.unwrap().unwrap();
    let digests: Vec<_> = listed.into_iter().map(|listed| listed.digest).collect();
    assert_eq!(digests, [signature.digest.clone(), old.digest.clone()]);
    let tagged = store.tagged_referrers(&at, &image_of_all.digest, Intent::Read).await.unwrap();
    assert_eq!(tagged.len(), 2);

    opened.push("app", &fallback, &old).await.unwrap();
    let listed = store.referrers(&at, &image_of_all.digest, Intent::Read).await.unwrap();
    assert_eq!(listed.unwrap().len(), 1, "there is no index under the tag");
    let error = store.tagged_referrers(&at, &image_of_all.digest, Intent::Read).await.unwrap_err();
    assert!(error.message.contains("does not name an index"), "{error}");
}
