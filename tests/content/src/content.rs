//! A manifest with everything below it.

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
    /// A blob of these bytes.
    #[must_use]
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { media_type: media_type.to_owned(), digest: digest(&bytes), bytes: bytes.into() }
    }

    /// The media type that a descriptor of it names.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The `sha256:…` digest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What it holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `mediaType`, `size`, `digest`, in Docker's order.
    pub(crate) fn descriptor(&self) -> Map<String, Value> {
        descriptor(&self.media_type, self.bytes.len(), &self.digest)
    }
}

/// A manifest or an index, the blobs that it names, and its children.
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

    /// The media type of the manifest.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The `sha256:…` digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The manifest as it is pushed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The config, if any, and the layers that a registry can be asked for, in order and as often as
    /// the manifest names them.
    #[must_use]
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// The children of an index, in order and as often as it names them.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// The bytes of all distinct blobs below this manifest.
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

    /// The descriptor that an index has of it, without a platform.
    pub(crate) fn descriptor(&self) -> Map<String, Value> {
        descriptor(&self.media_type, self.bytes.len(), &self.digest)
    }
}

fn descriptor(media_type: &str, size: usize, digest: &str) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("mediaType".to_owned(), json!(media_type));
    fields.insert("size".to_owned(), json!(size));
    fields.insert("digest".to_owned(), json!(digest));
    fields
}
