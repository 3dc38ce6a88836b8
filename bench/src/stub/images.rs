//! Generates 100,000 images on request.

use std::collections::HashMap;

use longshore_content::{digest, random};
use serde_json::json;

/// The media type of the manifests.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Size of a blob in bytes.
const BLOB: usize = 256;

/// Distinct images with one blob each.
pub(crate) struct Images {
    /// The seed of each blob.
    blobs: HashMap<String, u64>,
    /// Number of images.
    count: u64,
}

impl Images {
    /// Creates this many images.
    pub(crate) fn new(count: u64) -> Self {
        let blobs = (0..count).map(|number| (digest(&blob(number)), number)).collect();
        Self { blobs, count }
    }

    /// Returns the manifest under a tag: `t7` is image 7 modulo their number.
    pub(crate) fn manifest(&self, tag: &str) -> Option<Vec<u8>> {
        let number: u64 = tag.strip_prefix('t')?.parse().ok()?;
        Some(manifest(number % self.count))
    }

    /// Returns the blob with this digest.
    pub(super) fn blob(&self, digest: &str) -> Option<Vec<u8>> {
        self.blobs.get(digest).copied().map(blob)
    }
}

/// Generates the only blob of an image, which is its config.
fn blob(number: u64) -> Vec<u8> {
    let padding = digest(&random(number, BLOB));
    json!({"architecture": "amd64", "os": "linux", "padding": padding}).to_string().into_bytes()
}

fn manifest(number: u64) -> Vec<u8> {
    let blob = blob(number);
    let config = json!({
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "size": blob.len(),
        "digest": digest(&blob),
    });
    json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []})
        .to_string()
        .into_bytes()
}
