//! Builds a single manifest: an image or an artifact.

use serde_json::{Map, Value, json};

use crate::bytes::{digest, random};
use crate::content::{Blob, Content};
use crate::json::{PADDING, Style, annotate};
use crate::platform::Platform;

/// Media type of the empty JSON object, the config of artifacts.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The first bytes of a gzip stream (RFC 1952, section 2.3).
const GZIP: &[u8] = &[0x1f, 0x8b, 8];

/// Media types of a manifest, its config and its layers.
#[derive(Clone, Copy, Debug)]
enum Format {
    Oci,
    Docker,
}

impl Format {
    fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }
}

#[derive(Clone, Debug)]
struct Layer {
    media_type: Option<String>,
    seed: u64,
    length: usize,
    /// Whether the layer starts like gzip.
    gzip: bool,
    /// URL of a foreign layer, which is never pushed.
    url: Option<String>,
}

impl Layer {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = random(self.seed, self.length);
        if self.gzip {
            let length = GZIP.len().min(self.length);
            bytes[..length].copy_from_slice(&GZIP[..length]);
        }
        bytes
    }
}

/// An image, with a platform in its config or without, or an artifact with the empty config.
///
/// Layers are opaque bytes, because mirroring does not look into them.
#[derive(Clone, Debug)]
pub struct Image {
    format: Format,
    platform: Option<Platform>,
    artifact_type: Option<String>,
    layers: Vec<Layer>,
    labels: Map<String, Value>,
    annotations: Vec<(String, String)>,
    subject: Option<Map<String, Value>>,
    style: Style,
}

impl Image {
    /// Creates an OCI image for `os/architecture[/variant]`.
    #[must_use]
    pub fn new(platform: &str) -> Self {
        Self::of(Some(Platform::new(platform)), None)
    }

    /// Creates an OCI image for a platform with more than three parts.
    #[must_use]
    pub fn for_platform(platform: Platform) -> Self {
        Self::of(Some(platform), None)
    }

    /// Creates an OCI image whose config has neither os nor architecture.
    #[must_use]
    pub fn without_platform() -> Self {
        Self::of(None, None)
    }

    /// Creates an OCI artifact with the empty config.
    #[must_use]
    pub fn artifact(artifact_type: &str) -> Self {
        Self::of(None, Some(artifact_type.to_owned()))
    }

    fn of(platform: Option<Platform>, artifact_type: Option<String>) -> Self {
        Self {
            format: Format::Oci,
            platform,
            artifact_type,
            layers: Vec::new(),
            labels: Map::new(),
            annotations: Vec::new(),
            subject: None,
            style: Style::Compact,
        }
    }

    /// Uses Docker schema 2 instead of OCI.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.format = Format::Docker;
        self
    }

    /// Adds a layer of this many bytes. The same seed and length give the same blob.
    #[must_use]
    pub fn layer(self, seed: u64, length: usize) -> Self {
        self.push(Layer { media_type: None, seed, length, gzip: false, url: None })
    }

    /// Adds a layer like [`Image::layer`] that starts with gzip's magic number. skopeo compresses
    /// layers that look uncompressed.
    #[must_use]
    pub fn gzip_layer(self, seed: u64, length: usize) -> Self {
        self.push(Layer { media_type: None, seed, length, gzip: true, url: None })
    }

    /// Adds a layer with a custom media type, such as `…tar+zstd`.
    #[must_use]
    pub fn typed_layer(self, media_type: &str, seed: u64, length: usize) -> Self {
        self.push(Layer {
            media_type: Some(media_type.to_owned()),
            seed,
            length,
            gzip: false,
            url: None,
        })
    }

    /// Adds a layer that is at a URL and not in a registry.
    #[must_use]
    pub fn foreign_layer(self, url: &str, seed: u64, length: usize) -> Self {
        let media_type = match self.format {
            Format::Oci => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            Format::Docker => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        };
        self.push(Layer {
            media_type: Some(media_type.to_owned()),
            seed,
            length,
            gzip: false,
            url: Some(url.to_owned()),
        })
    }

    fn push(mut self, layer: Layer) -> Self {
        self.layers.push(layer);
        self
    }

    /// Sets a label in the config, so that otherwise equal images get different digests.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), json!(value));
        self
    }

    /// Sets an annotation of the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Pads the manifest to at least this many bytes.
    #[must_use]
    pub fn padded(self, length: usize) -> Self {
        self.annotation(PADDING, &"x".repeat(length))
    }

    /// Sets the subject, as in a signature or an SBOM.
    #[must_use]
    pub fn subject(mut self, subject: &Content) -> Self {
        self.subject = Some(subject.descriptor());
        self
    }

    /// Writes the manifest with white space in unusual places.
    #[must_use]
    pub fn odd_white_space(mut self) -> Self {
        self.style = Style::Odd;
        self
    }

    /// Returns the manifest and its blobs.
    #[must_use]
    pub fn build(self) -> Content {
        let mut blobs = vec![self.config()];
        let mut layers = Vec::new();
        for layer in &self.layers {
            let media_type = layer.media_type.as_deref().unwrap_or(self.default_layer());
            let blob = Blob::new(media_type, layer.bytes());
            let mut descriptor = blob.descriptor();
            if let Some(url) = &layer.url {
                descriptor.insert("urls".to_owned(), json!([url]));
            } else {
                blobs.push(blob);
            }
            layers.push(Value::Object(descriptor));
        }
        if self.layers.is_empty() && self.artifact_type.is_some() {
            // The specification requires at least one layer and suggests the empty object for it.
            layers.push(Value::Object(blobs[0].descriptor()));
        }
        let document = self.document(&blobs[0], layers);
        let mut content = Content::new(self.format.manifest(), self.style.write(&document));
        content.platform = self.platform;
        content.blobs = blobs;
        content
    }

    fn default_layer(&self) -> &'static str {
        match self.artifact_type {
            Some(_) => "application/octet-stream",
            None => self.format.layer(),
        }
    }

    fn document(&self, config: &Blob, layers: Vec<Value>) -> Value {
        let mut document = Map::new();
        document.insert("schemaVersion".to_owned(), json!(2));
        document.insert("mediaType".to_owned(), json!(self.format.manifest()));
        if let Some(artifact_type) = &self.artifact_type {
            document.insert("artifactType".to_owned(), json!(artifact_type));
        }
        document.insert("config".to_owned(), Value::Object(config.descriptor()));
        document.insert("layers".to_owned(), Value::Array(layers));
        if let Some(subject) = &self.subject {
            document.insert("subject".to_owned(), Value::Object(subject.clone()));
        }
        for (key, value) in &self.annotations {
            annotate(&mut document, key, value);
        }
        Value::Object(document)
    }

    fn config(&self) -> Blob {
        if self.artifact_type.is_some() {
            return Blob::new(EMPTY, b"{}".to_vec());
        }
        let mut config = self.platform.as_ref().map(Platform::fields).unwrap_or_default();
        config.insert("created".to_owned(), json!("2026-01-01T00:00:00Z"));
        config.insert("config".to_owned(), json!({"Labels": self.labels}));
        let diff_ids: Vec<String> = self
            .layers
            .iter()
            .map(|layer| digest(format!("{}+{}", layer.seed, layer.length).as_bytes()))
            .collect();
        config.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": diff_ids}));
        Blob::new(self.format.config(), Value::Object(config).to_string().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::Image;

    #[test]
    fn an_image_has_the_digest_that_it_always_had() {
        let image = Image::new("linux/arm64/v8").layer(1, 100).label("a", "b").build();
        assert_eq!(
            image.digest(),
            "sha256:49d6c3fe9925ed093a4dc1277daa1f5c5bafcbe8e566b8256eb025422b9682d9",
            "{}",
            String::from_utf8_lossy(image.bytes())
        );
    }

    #[test]
    fn a_layer_named_three_times_is_one_blob_three_times() {
        let image = Image::new("linux/amd64").layer(1, 9).layer(1, 9).layer(1, 9).build();
        let digests: Vec<&str> = image.blobs()[1..].iter().map(|blob| blob.digest()).collect();
        assert_eq!(digests.len(), 3);
        assert!(digests.iter().all(|digest| *digest == digests[0]));
        assert_eq!(image.blob_bytes(), 9 + image.blobs()[0].bytes().len() as u64);
    }

    #[test]
    fn a_gzip_layer_differs_only_in_its_first_bytes() {
        let bytes = |image: Image| image.build().blobs()[1].bytes().to_vec();
        let plain = bytes(Image::new("linux/amd64").layer(1, 9));
        let gzip = bytes(Image::new("linux/amd64").gzip_layer(1, 9));
        assert_eq!((&gzip[..3], &gzip[3..]), (&[0x1f, 0x8b, 8][..], &plain[3..]));
        assert_eq!(bytes(Image::new("linux/amd64").gzip_layer(1, 2)).len(), 2);
    }

    #[test]
    fn an_artifact_has_the_well_known_empty_config() {
        let artifact = Image::artifact("application/vnd.example.thing").build();
        assert_eq!(
            artifact.blobs()[0].digest(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }

    #[test]
    fn a_padded_manifest_is_as_long_as_asked() {
        assert!(Image::new("linux/amd64").padded(3 << 20).build().bytes().len() > 3 << 20);
    }
}
