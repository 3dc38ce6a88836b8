//! The store as the engine uses it.

mod blobs;
mod fake;
mod manifests;
mod opening;
mod together;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use longshore_oci::{
    Descriptor, Digest, LayoutsName, Manifest, ManifestReference, RawManifest, Repository,
};
use longshore_store::{
    BlobSource, BlobTransfer, Destination, Interrupt, ManifestPushed, Placed, Progress, Source,
    StoreError, TransferFailure, Trust,
};
use serde_json::{Value, json};

use super::LayoutStore;
use fake::FakeSource;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn name(root: &Path) -> LayoutsName {
    LayoutsName::new(root.to_str().unwrap())
}

fn repository(text: &str) -> Repository {
    text.parse().unwrap()
}

fn tag(text: &str) -> ManifestReference {
    ManifestReference::Tag(text.parse().unwrap())
}

fn descriptor(content: &[u8]) -> Descriptor {
    serde_json::from_value(described("application/octet-stream", content)).unwrap()
}

fn described(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(content), "size": content.len()})
}

/// An image manifest with the configuration `{}`, these layers, and what else is given.
fn image(layers: &[&[u8]], more: &Value) -> RawManifest {
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described("application/vnd.oci.image.config.v1+json", b"{}"),
        "layers": layers
            .iter()
            .map(|layer| described("application/vnd.oci.image.layer.v1.tar", layer))
            .collect::<Vec<Value>>(),
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    raw(&manifest.to_string())
}

/// An index over these manifests.
fn index(children: &[&RawManifest]) -> RawManifest {
    let children = children.iter().map(|child| described(OCI_MANIFEST, &child.bytes));
    let index = json!({
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": children.collect::<Vec<Value>>(),
    });
    raw(&index.to_string())
}

fn raw(text: &str) -> RawManifest {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let digest = Digest::of(&bytes);
    Manifest::parse(bytes, None, digest).unwrap().raw
}

fn by_digest(manifest: &RawManifest) -> ManifestReference {
    ManifestReference::Digest(manifest.digest.clone())
}

/// A folder that is open to be written.
struct Opened {
    root: PathBuf,
    store: Arc<dyn Destination>,
}

/// One blob on its way, as most tests want it.
struct Way<'a> {
    source: &'a Arc<dyn Source>,
    source_repository: &'a str,
    from: Option<&'a str>,
    trust: Trust,
    interrupt: Interrupt,
}

impl<'a> Way<'a> {
    fn of(source: &'a Arc<dyn Source>) -> Self {
        let (_, interrupt) = Interrupt::channel();
        Self { source, source_repository: "there", from: None, trust: Trust::Probe, interrupt }
    }
}

impl Opened {
    fn at(root: &Path) -> Self {
        let store = LayoutStore::open_destination(&name(root)).unwrap();
        Self { root: root.to_owned(), store }
    }

    async fn place(
        &self,
        at: &str,
        content: &[u8],
        way: Way<'_>,
    ) -> Result<Placed, TransferFailure> {
        let (at, there) = (repository(at), repository(way.source_repository));
        let (blob, from) = (descriptor(content), way.from.map(repository));
        let transfer = BlobTransfer {
            repository: &at,
            blob: &blob,
            source: BlobSource { store: way.source, repository: &there, bytes: None },
            from: from.as_ref(),
            image: 0,
            expected: false,
            trust: way.trust,
            check_size: false,
            interrupt: &way.interrupt,
            progress: Progress::ignored(),
        };
        self.store.place_blob(transfer).await
    }

    /// Places a blob that its source sends whole.
    async fn place_good(&self, at: &str, content: &[u8]) -> Placed {
        let source = FakeSource::sends(&[content]);
        self.place(at, content, Way::of(&source)).await.unwrap()
    }

    async fn push(
        &self,
        at: &str,
        reference: &ManifestReference,
        manifest: &RawManifest,
    ) -> Result<ManifestPushed, StoreError> {
        self.store.push_manifest(&repository(at), reference, manifest).await
    }

    /// Pushes an image of one layer with its blobs.
    async fn push_image(&self, at: &str, under: &str, layer: &[u8]) -> RawManifest {
        self.place_good(at, b"{}").await;
        self.place_good(at, layer).await;
        let manifest = image(&[layer], &json!({}));
        self.push(at, &tag(under), &manifest).await.unwrap();
        manifest
    }

    async fn read(&self, at: &str, reference: &ManifestReference) -> Result<Manifest, StoreError> {
        self.store.manifest(&repository(at), reference).await
    }

    fn blob_path(&self, at: &str, content: &[u8]) -> PathBuf {
        self.root.join(at).join("blobs/sha256").join(Digest::of(content).hex())
    }

    /// How many blobs are not complete, in the folders of all processes.
    fn incomplete(&self) -> usize {
        let processes = std::fs::read_dir(self.root.join(".longshore/incoming")).unwrap();
        let files = processes.map(|process| {
            // One file of each is the lock.
            std::fs::read_dir(process.unwrap().path()).unwrap().count() - 1
        });
        files.sum()
    }
}
