//! Plugins as OCI artifacts, in the layout of the CNCF's working group for WebAssembly ("Wasm OCI Artifact
//! layout"): a manifest with the config `application/vnd.wasm.config.v0+json` and one layer
//! `application/wasm`. Other tools push and pull the same.

use bytes::Bytes;
use longshore_files::read_regular;
use longshore_oci::{
    Content, Descriptor, Digest, Manifest, ManifestReference, MediaType, RawManifest, Reference,
};
use longshore_plugin_host::{ComponentInfo, Limits};
use longshore_store::{BlobSource, BlobTransfer, Intent, Interrupt, Progress, Stores, Trust};
use serde_json::json;

use super::{InstallError, PluginSource};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

/// A component as it was fetched.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The bytes of the component.
    pub(crate) component: Vec<u8>,
    /// The digest of the manifest, unless it is from a file.
    pub(crate) manifest: Option<Digest>,
}

/// Returns the digest of the manifest that a source names now; `None` for a file.
///
/// # Errors
/// Returns an error if the store fails, or has no such manifest.
pub(crate) async fn resolve(
    source: &PluginSource,
    stores: &dyn Stores,
) -> Result<Option<Digest>, InstallError> {
    let PluginSource::Manifest(reference) = source else { return Ok(None) };
    if let Some(digest) = reference.version.digest() {
        return Ok(Some(digest.clone()));
    }
    let store = stores.source(&reference.store)?;
    let wanted = ManifestReference::to_fetch(&reference.version);
    let found = store.resolve(&reference.repository, &wanted, Intent::Read).await?;
    found.map(Some).ok_or_else(|| not_plugin(reference, "there is no such manifest".to_owned()))
}

/// Fetches a component. `pinned` is the digest of the manifest that the lock file has.
///
/// # Errors
/// Returns an error if the source cannot be read, or does not hold a component.
pub(crate) async fn fetch(
    source: &PluginSource,
    pinned: Option<&Digest>,
    stores: &dyn Stores,
) -> Result<Fetched, InstallError> {
    let most = Limits::default().component as u64;
    let reference = match source {
        PluginSource::File(path) => {
            let component = read_regular(path, most)
                .map_err(|error| InstallError::Read { path: path.clone(), error })?;
            return Ok(Fetched { component, manifest: None });
        }
        PluginSource::Manifest(reference) => reference,
    };
    let store = stores.source(&reference.store)?;
    let wanted = match pinned {
        Some(digest) => ManifestReference::Digest(digest.clone()),
        None => ManifestReference::to_fetch(&reference.version),
    };
    let manifest = store.manifest(&reference.repository, &wanted).await?;
    let layer = layer(&manifest).map_err(|why| not_plugin(reference, why))?;
    if layer.size > most {
        let why = format!("the component has {} bytes, at most {most} are allowed", layer.size);
        return Err(not_plugin(reference, why));
    }
    let component = store.small_blob(&reference.repository, layer, most).await?;
    Ok(Fetched { component: component.to_vec(), manifest: Some(manifest.raw.digest) })
}

fn not_plugin(reference: &Reference, why: String) -> InstallError {
    InstallError::NotPlugin { reference: reference.to_string(), why }
}

/// Returns the layer with the component.
fn layer(manifest: &Manifest) -> Result<&Descriptor, String> {
    let Content::Single(single) = &manifest.content else {
        return Err("it is an index, and a plugin has one manifest".to_owned());
    };
    let config = single.config.as_ref().map_or("", |config| config.media_type.as_str());
    if config != CONFIG {
        return Err(format!(
            "its config has the type {config:?}, and that of a plugin has {CONFIG:?}"
        ));
    }
    match single.layers.as_slice() {
        [layer] if layer.media_type.as_str() == LAYER => Ok(layer),
        [layer] => {
            let found = layer.media_type.as_str();
            Err(format!("its layer has the type {found:?}, and that of a plugin has {LAYER:?}"))
        }
        layers => Err(format!("it has {} layers, and a plugin has one", layers.len())),
    }
}

/// A manifest with its blobs.
struct Artifact {
    blobs: [(Descriptor, Bytes); 2],
    manifest: RawManifest,
}

impl Artifact {
    /// Makes the artifact of a component. The same component gives the same bytes.
    fn of(info: &ComponentInfo, component: Vec<u8>) -> Result<Self, serde_json::Error> {
        let component = Bytes::from(component);
        let layer = descriptor(LAYER, &component);
        let metadata = info.metadata.as_ref();
        let config = json!({
            // The layout wants a time. The real one would give each push another digest.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": { "exports": info.exports, "imports": info.imports },
        });
        let config = Bytes::from(serde_json::to_vec(&config)?);
        let annotations: serde_json::Map<String, serde_json::Value> = metadata
            .into_iter()
            .flat_map(|metadata| {
                let name = |key: &str| format!("org.opencontainers.image.{key}");
                [
                    (name("title"), metadata.name.clone().into()),
                    (name("version"), metadata.version.clone().into()),
                    (name("description"), metadata.description.clone().into()),
                ]
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [layer],
            "annotations": annotations,
        });
        let manifest = serde_json::to_vec(&manifest)?;
        Ok(Self {
            blobs: [(layer, component), (descriptor(CONFIG, &config), config)],
            manifest: RawManifest::built(manifest, MediaType::OCI_MANIFEST),
        })
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: MediaType::from(media_type.to_owned()),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        platform: None,
        annotations: std::collections::BTreeMap::new(),
        urls: Vec::new(),
    }
}

/// Pushes a component, and returns the digest of its manifest.
///
/// # Errors
/// Returns an error if the store fails.
pub(crate) async fn push(
    info: &ComponentInfo,
    component: Vec<u8>,
    reference: &Reference,
    stores: &dyn Stores,
) -> Result<Digest, InstallError> {
    let artifact =
        Artifact::of(info, component).map_err(|error| not_plugin(reference, error.to_string()))?;
    let store = stores.destination(&reference.store)?;
    // The bytes are in memory, so nothing is read from this source.
    let source = std::sync::Arc::clone(&store).as_source();
    let (_never, interrupt) = Interrupt::channel();
    for (blob, bytes) in &artifact.blobs {
        let source =
            BlobSource { store: &source, repository: &reference.repository, bytes: Some(bytes) };
        let transfer = BlobTransfer {
            repository: &reference.repository,
            blob,
            source,
            from: None,
            image: 1,
            expected: false,
            trust: Trust::Probe,
            check_size: false,
            interrupt: &interrupt,
            progress: Progress::ignored(),
        };
        store.place_blob(transfer).await?;
    }
    let to = ManifestReference::to_push(&reference.version);
    store.push_manifest(&reference.repository, &to, &artifact.manifest).await?;
    stores.finish().await;
    Ok(artifact.manifest.digest)
}

#[cfg(test)]
mod tests {
    use longshore_oci::{Digest, Manifest};
    use longshore_plugin_host::ComponentInfo;

    use super::{Artifact, layer};

    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    fn parsed(bytes: Vec<u8>) -> Manifest {
        let digest = Digest::of(&bytes);
        Manifest::parse(bytes.into(), None, digest).unwrap()
    }

    #[test]
    fn an_artifact_repeats_and_is_read_back() {
        let info = ComponentInfo::read(COMPONENT).unwrap();
        let artifact = Artifact::of(&info, COMPONENT.to_vec()).unwrap();
        let again = Artifact::of(&info, COMPONENT.to_vec()).unwrap();
        assert_eq!(artifact.manifest.digest, again.manifest.digest);
        let manifest = parsed(artifact.manifest.bytes.to_vec());
        let found = layer(&manifest).unwrap();
        assert_eq!(found.digest, Digest::of(COMPONENT));
        assert_eq!(artifact.blobs[0].0.digest, found.digest);
        let config: serde_json::Value = serde_json::from_slice(&artifact.blobs[1].1).unwrap();
        assert_eq!(config["os"], "wasip2");
        assert_eq!(config["layerDigests"][0], found.digest.to_string());
    }

    #[test]
    fn other_manifests_are_not_plugins() {
        let digest = Digest::of(b"");
        let blob = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":0}}"#);
        let manifest = |config: &str, layers: &str| {
            format!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{layers}]}}"#,
                blob(config)
            )
        };
        let wasm = blob("application/wasm");
        let config = "application/vnd.wasm.config.v0+json";
        assert!(layer(&parsed(manifest(config, &wasm).into_bytes())).is_ok());
        for (text, why) in [
            (manifest("application/vnd.oci.image.config.v1+json", &wasm), "its config has the type"),
            (manifest(config, ""), "it has 0 layers"),
            (manifest(config, &format!("{wasm},{wasm}")), "it has 2 layers"),
            (manifest(config, &blob("text/plain")), "its layer has the type \"text/plain\""),
            (r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#.to_owned(), "it is an index"),
        ] {
            let error = layer(&parsed(text.into_bytes())).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
