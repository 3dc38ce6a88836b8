//! The manifest of a chart.

use std::collections::BTreeMap;

use bytes::Bytes;
use longshore_oci::{Descriptor, MediaType, RawManifest};
use serde::Serialize;

use crate::archive::Metadata;

/// The annotations that always come from `Chart.yaml`'s own fields.
const FIXED: [&str; 2] = ["org.opencontainers.image.title", "org.opencontainers.image.version"];

/// A chart as an OCI artifact: its manifest and its blobs.
#[derive(Clone, Debug)]
pub struct ChartArtifact {
    /// The manifest.
    pub manifest: RawManifest,
    /// The configuration, the archive, and the provenance file if there is one.
    pub blobs: Vec<(Descriptor, Bytes)>,
}

/// The manifest in the order of Helm's fields.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    schema_version: u32,
    config: &'a Descriptor,
    layers: Vec<&'a Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl ChartArtifact {
    /// Makes the artifact. The same input gives the same digest, because `created` is the only time
    /// in it.
    pub fn new(
        metadata: &Metadata,
        archive: Bytes,
        provenance: Option<Bytes>,
        created: Option<&str>,
    ) -> Self {
        // The fields are strings, lists and maps of strings, which JSON can always hold.
        let config = serde_json::to_vec(metadata).unwrap_or_default();
        let mut blobs = vec![
            described(MediaType::HELM_CONFIG, config.into()),
            described(MediaType::HELM_CONTENT, archive),
        ];
        blobs
            .extend(provenance.map(|provenance| described(MediaType::HELM_PROVENANCE, provenance)));
        let mut layers: Vec<&Descriptor> = blobs[1..].iter().map(|(blob, _)| blob).collect();
        layers.sort_by_key(|layer| layer.digest.to_string());
        let annotations = annotations(metadata, created);
        let written = Written { schema_version: 2, config: &blobs[0].0, layers, annotations };
        let bytes = serde_json::to_vec(&written).unwrap_or_default();
        let manifest = RawManifest::built(bytes, MediaType::OCI_MANIFEST);
        Self { manifest, blobs }
    }
}

fn described(media_type: MediaType, bytes: Bytes) -> (Descriptor, Bytes) {
    let manifest = RawManifest::built(bytes.to_vec(), media_type);
    (manifest.descriptor(), bytes)
}

/// The annotations of `helm push`.
fn annotations(metadata: &Metadata, created: Option<&str>) -> BTreeMap<String, String> {
    let authors = metadata.maintainers.iter().map(|maintainer| {
        let mail = &maintainer.email;
        let mail = if mail.is_empty() { String::new() } else { format!(" ({mail})") };
        format!("{}{mail}", maintainer.name)
    });
    let authors = authors.collect::<Vec<_>>().join(", ");
    let own = [
        ("description", metadata.description.as_str()),
        ("title", &metadata.name),
        ("version", &metadata.version),
        ("url", &metadata.home),
        ("created", created.unwrap_or_default()),
        ("source", metadata.sources.first().map_or("", String::as_str)),
        ("authors", &authors),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let mut annotations: BTreeMap<String, String> = own
        .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
        .collect();
    let of_chart = metadata.annotations.iter().filter(|(key, _)| !FIXED.contains(&key.as_str()));
    annotations.extend(of_chart.map(|(key, value)| (key.clone(), value.clone())));
    annotations
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::ChartArtifact;
    use crate::archive::Metadata;

    #[test]
    fn the_manifest_is_helm_s() {
        let text = "apiVersion: v2\nname: demo\nversion: 1.0.0\ndescription: A demo\nhome: https://demo.example\n\
                    sources: [https://src.example, x]\nmaintainers: [{name: Ann, email: a@b.c}, {name: Bob}]\n\
                    annotations: {org.opencontainers.image.title: no, category: x}\n";
        let metadata = Metadata::parse(text.as_bytes()).unwrap();
        let archive = Bytes::from_static(b"archive");
        let artifact = ChartArtifact::new(
            &metadata,
            archive.clone(),
            Some(Bytes::from_static(b"provenance")),
            Some("2024-01-02T03:04:05Z"),
        );
        let manifest: serde_json::Value = serde_json::from_slice(&artifact.manifest.bytes).unwrap();
        assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.helm.config.v1+json");
        let layers: Vec<_> = manifest["layers"].as_array().unwrap().iter().collect();
        let digests: Vec<_> =
            layers.iter().map(|layer| layer["digest"].as_str().unwrap()).collect();
        assert!(digests.is_sorted() && digests.len() == 2, "sorted by digest as in Helm");
        let annotations = serde_json::json!({
            "category": "x",
            "org.opencontainers.image.authors": "Ann (a@b.c), Bob",
            "org.opencontainers.image.created": "2024-01-02T03:04:05Z",
            "org.opencontainers.image.description": "A demo",
            "org.opencontainers.image.source": "https://src.example",
            "org.opencontainers.image.title": "demo",
            "org.opencontainers.image.url": "https://demo.example",
            "org.opencontainers.image.version": "1.0.0",
        });
        assert_eq!(manifest["annotations"], annotations);
        let again = ChartArtifact::new(&metadata, archive.clone(), None, None);
        let twice = ChartArtifact::new(&metadata, archive, None, None);
        assert_eq!(again.manifest.digest, twice.manifest.digest);
    }
}
