//! Advice for a manifest that a registry refuses because of its type.

use longshore_oci::{Content, Manifest, MediaType, RawManifest};
use serde::Deserialize;
use serde_json::Value;

use crate::error_response::ErrorResponse;

/// Error codes of registries that do not take a type of manifest.
const OF_TYPES: [&str; 3] = ["MANIFEST_INVALID", "UNSUPPORTED", "MANIFEST_UNSUPPORTED"];
/// Error codes of registries that look for the images of an index, and do not find blobs among them.
const OF_CHILDREN: [&str; 4] =
    ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN", "MANIFEST_INVALID"];

/// Returns what helps against the refusal of a manifest, if its type or its children are the likely cause.
pub(super) fn advice(answer: &ErrorResponse, manifest: &RawManifest) -> Option<String> {
    let has_one = |codes: &[&str]| codes.iter().any(|code| answer.has_code(code));
    if matches!(answer.status, 400 | 422)
        && has_one(&OF_TYPES)
        && let Some(size) = unreadable_size(manifest)
    {
        return Some(format!(
            "a size in this manifest is {size}, and most registries take only whole numbers; longshore keeps the \
             manifest's bytes, so build the image again with another tool"
        ));
    }
    if matches!(answer.status, 400 | 404 | 415 | 422)
        && has_one(&OF_CHILDREN)
        && names_blobs(manifest)
    {
        return Some(
            "this is an index of blobs, such as a BuildKit cache; distribution 3 takes it if its configuration says validation.manifests.indexes.platforms: none"
                .to_owned(),
        );
    }
    let is_of_type =
        answer.status == 415 || (matches!(answer.status, 400 | 422) && has_one(&OF_TYPES));
    is_of_type.then(|| of_type(manifest))
}

fn of_type(manifest: &RawManifest) -> String {
    let media_type = &manifest.media_type;
    let (takes, kind, helps) = match media_type {
        found if *found == MediaType::DOCKER_LIST => {
            ("OCI types", "a Docker manifest list", "--index oci writes OCI indexes")
        }
        found if *found == MediaType::DOCKER_MANIFEST => (
            "OCI types",
            "a Docker image manifest",
            "longshore copies images as they are, so convert it first, such as with skopeo copy --all --format oci",
        ),
        found if *found == MediaType::OCI_INDEX => {
            ("Docker types", "an OCI index", "--index docker writes Docker manifest lists")
        }
        _ => match artifact_type(manifest) {
            Some(artifact) => {
                return format!(
                    "the registry may not take artifacts: this is one of the type {artifact} ({media_type}); ask its operator to allow this type"
                );
            }
            None => (
                "Docker types",
                "an OCI image manifest",
                "longshore copies images as they are, so convert it first, such as with skopeo copy --all --format v2s2",
            ),
        },
    };
    format!("the registry may take {takes} only, and this is {kind} ({media_type}): {helps}")
}

fn parsed(manifest: &RawManifest) -> Option<Manifest> {
    let (bytes, digest) = (manifest.bytes.clone(), manifest.digest.clone());
    Manifest::parse(bytes, Some(&manifest.media_type), digest).ok()
}

/// Describes the first size of a descriptor that is not a number of 64 bits, as registries in Go read it.
fn unreadable_size(manifest: &RawManifest) -> Option<String> {
    const SHOWN: usize = 40;
    let manifest: Value = serde_json::from_slice(&manifest.bytes).ok()?;
    let lists = ["layers", "manifests", "blobs"].map(|field| manifest[field].as_array());
    let listed = lists.into_iter().flatten().flatten();
    let all = [&manifest["config"], &manifest["subject"]].into_iter().chain(listed);
    let is_unreadable = |size: &&Value| !size.is_null() && size.as_i64().is_none();
    let size = all.filter_map(|descriptor| descriptor.get("size")).find(is_unreadable)?;
    Some(match size {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => {
            format!("the text {:?}", text.chars().take(SHOWN).collect::<String>())
        }
        other => other.to_string(),
    })
}

/// Reports whether the manifest is an index with children that are not manifests, or may be others.
fn names_blobs(manifest: &RawManifest) -> bool {
    match parsed(manifest).map(|manifest| manifest.content) {
        Some(Content::Index(index)) => {
            index.manifests.iter().any(|child| !child.may_be_manifest() || child.is_unclear())
        }
        _ => false,
    }
}

/// Returns the type of an artifact: its own, or that of its configuration (image-spec, "Guidelines for
/// Artifact Usage"). Returns `None` for an image.
fn artifact_type(manifest: &RawManifest) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields {
        artifact_type: Option<String>,
    }
    let Content::Single(single) = parsed(manifest)?.content else { return None };
    let config = single.config.map_or(manifest.media_type.clone(), |config| config.media_type);
    if config.is_image_config() {
        return None;
    }
    let stated = serde_json::from_slice(&manifest.bytes).ok();
    let stated = stated.and_then(|fields: Fields| fields.artifact_type);
    Some(stated.filter(|stated| !stated.is_empty()).unwrap_or_else(|| config.to_string()))
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::error_response::ErrorResponse;
    use bytes::Bytes;
    use longshore_oci::{Digest, MediaType, RawManifest};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn refused(status: u16, code: &str, media_type: &MediaType, text: &str) -> Option<String> {
        let text = text.replace("DIGEST", DIGEST);
        let manifest = RawManifest {
            digest: Digest::of(text.as_bytes()),
            bytes: Bytes::from(text),
            media_type: media_type.clone(),
        };
        let answer =
            ErrorResponse { status, codes: [code.to_owned()].into(), ..ErrorResponse::default() };
        advice(&answer, &manifest)
    }

    const LIST: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

    fn single(config: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"DIGEST","size":2}},"layers":[]}}"#
        )
    }

    #[test]
    fn the_type_is_named_with_what_helps() {
        let image = single("application/vnd.oci.image.config.v1+json");
        let docker = single("application/vnd.docker.container.image.v1+json");
        let chart = single("application/vnd.cncf.helm.config.v1+json");
        let artifact = single("application/vnd.oci.empty.v1+json").replacen(
            '{',
            r#"{"artifactType":"application/vnd.example.thing","#,
            1,
        );
        for (media_type, text, expected) in [
            (
                MediaType::DOCKER_LIST,
                LIST,
                "manifest.list.v2+json): --index oci writes OCI indexes",
            ),
            (MediaType::OCI_INDEX, LIST, "image.index.v1+json): --index docker writes Docker"),
            (MediaType::DOCKER_MANIFEST, &docker, "skopeo copy --all --format oci"),
            (MediaType::OCI_MANIFEST, &image, "skopeo copy --all --format v2s2"),
            (MediaType::OCI_MANIFEST, &chart, "the type application/vnd.cncf.helm.config.v1+json"),
            (MediaType::OCI_MANIFEST, &artifact, "the type application/vnd.example.thing ("),
        ] {
            for (status, code) in [(415, ""), (415, "UNSUPPORTED"), (400, "MANIFEST_INVALID")] {
                let advice = refused(status, code, &media_type, text).expect("advice");
                assert!(advice.contains(expected), "{advice}");
                assert!(advice.contains(media_type.as_str()), "{advice}");
            }
            for (status, code) in
                [(400, "TAG_INVALID"), (403, "DENIED"), (404, "NAME_UNKNOWN"), (500, "")]
            {
                assert_eq!(refused(status, code, &media_type, text), None, "{status} {code}");
            }
        }
    }

    /// The type is not the cause then.
    #[test]
    fn a_size_that_registries_cannot_read_is_named() {
        let image = single("application/vnd.oci.image.config.v1+json");
        let child = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"DIGEST","size":2}]}"#;
        let layer = image.replace("[]", r#"[{"mediaType":"x","digest":"DIGEST","size":2}]"#);
        let layer = layer.replacen(r#""size":2"#, r#""size":1"#, 1);
        for size in [r#""5000""#, "5000.5", "50.0", "true", "18446744073709551615", "[1]"] {
            for (media_type, text) in [
                (MediaType::OCI_MANIFEST, image.as_str()),
                (MediaType::OCI_MANIFEST, &layer),
                (MediaType::DOCKER_MANIFEST, &layer),
                (MediaType::OCI_INDEX, child),
                (MediaType::DOCKER_LIST, child),
            ] {
                let text = text.replace(r#""size":2"#, &format!(r#""size":{size}"#));
                let advice = refused(400, "MANIFEST_INVALID", &media_type, &text).expect("advice");
                assert!(advice.starts_with("a size in this manifest is "), "{advice}");
            }
        }
        for size in ["-1", "0", "null", "9000000000"] {
            let text = image.replace(r#""size":2"#, &format!(r#""size":{size}"#));
            let advice = refused(400, "MANIFEST_INVALID", &MediaType::OCI_MANIFEST, &text);
            assert!(advice.expect("advice").contains("Docker types only"), "{size}");
        }
    }

    #[test]
    fn an_index_of_blobs_gets_advice_about_distribution() {
        let child = |media_type: &str| {
            format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{media_type}","digest":"DIGEST","size":2}}]}}"#
            )
        };
        for blob in [
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.buildkit.cacheconfig.v0",
            "application/vnd.docker.image.rootfs.diff.tar.gzip",
        ] {
            for (status, code) in [
                (404, "MANIFEST_UNKNOWN"),
                (400, "MANIFEST_BLOB_UNKNOWN"),
                (400, "MANIFEST_INVALID"),
            ] {
                let advice = refused(status, code, &MediaType::OCI_INDEX, &child(blob));
                let advice = advice.expect("advice");
                assert!(
                    advice.contains("validation.manifests.indexes.platforms: none"),
                    "{advice}"
                );
            }
        }
        let image = child("application/vnd.oci.image.manifest.v1+json");
        assert_eq!(refused(404, "MANIFEST_UNKNOWN", &MediaType::OCI_INDEX, &image), None);
    }
}
