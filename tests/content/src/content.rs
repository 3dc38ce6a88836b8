//! A manifest with all its content.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::bytes::digest;
use crate::platform::Platform;

/// A layer or a config.
#[derive(Clone, Debug)]
pub struct Blob {
    media_type: String,
    digest: String,
    bytes: Arc<[u8]>,
}

impl Blob {
    /// Creates a blob of these bytes.
    #[must_use]
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: digest(&bytes), bytes: bytes.into() }
    }

    /// Returns the media type for the descriptor.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns the `sha256:…` digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns a descriptor: `mediaType`, `size`, `digest`, in Docker's order.
    pub(crate) fn descriptor(&self) -> Map<String, Value> {
        descriptor(&self.media_type, self.bytes.len(), &self.digest)
    }
}

/// A manifest or an index with its blobs and children.
#[derive(Clone, Debug)]
pub struct Content {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) platform: Option<Platform>,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) children: Vec<Content>,
}

impl Content {
    pub(crate) fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(&bytes),
            bytes: bytes.into(),
            platform: None,
            blobs: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Returns the media type of the manifest.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Returns the `sha256:…` digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Returns the bytes of the manifest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the config, if any, and the layers that registries store. Keeps the order and the
    /// repetitions of the manifest.
    #[must_use]
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// Returns the children of an index. Keeps their order and repetitions.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// Returns the total size of all distinct blobs below this manifest, in bytes.
    #[must_use]
    pub fn blob_bytes(&self) -> u64 {
        let mut seen = BTreeSet::new();
        self.sum_blobs(&mut seen)
    }

    fn sum_blobs<'a>(&'a self, seen: &mut BTreeSet<&'a str>) -> u64 {
        let own: u64 = self
            .blobs
            .iter()
            .filter(|blob| seen.insert(blob.digest()))
            .map(|blob| blob.bytes().len() as u64)
            .sum();
        own + self.children.iter().map(|child| child.sum_blobs(seen)).sum::<u64>()
    }

    /// Returns the descriptor for an index, without a platform.
    pub(crate) fn descriptor(&self) -> Map<String, Value> {
        descriptor(&self.media_type, self.bytes.len(), &self.digest)
    }
}

fn descriptor(media_type: &str, size: usize, digest: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    // Some tools leave it out.
    if !media_type.is_empty() {
        fields.insert("mediaType".to_owned(), json!(media_type));
    }
    fields.insert("size".to_owned(), json!(size));
    fields.insert("digest".to_owned(), json!(digest));
    fields
}
