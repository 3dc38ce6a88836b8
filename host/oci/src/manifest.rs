//! Manifests: the raw bytes, and the view of them that copying needs.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::descriptor::null_as_default;
use super::{Descriptor, Digest, Index, MediaType};

/// A manifest as it was fetched or built: what was hashed is what is pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawManifest {
    /// The exact bytes.
    pub bytes: Bytes,
    /// The type under which it is pushed.
    pub media_type: MediaType,
    /// The digest of `bytes`.
    pub digest: Digest,
}

/// A manifest and what it says.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The exact bytes.
    pub raw: RawManifest,
    /// What they say.
    pub content: Content,
}

/// The kinds of manifest.
#[derive(Clone, Debug)]
pub enum Content {
    /// An OCI index or Docker manifest list.
    Index(Box<Index>),
    /// A manifest with a configuration and layers, or an artifact's blobs.
    Single(Box<Single>),
}

/// A manifest that names blobs: of an image, a chart or any other artifact.
#[derive(Clone, Debug)]
pub struct Single {
    /// The configuration; the artifact manifest of image-spec 1.1-rc has none.
    pub config: Option<Descriptor>,
    /// Layers or blobs, in order, repeated ones too.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to (signatures and the like).
    pub subject: Option<Descriptor>,
}

/// Why content is no manifest that can be mirrored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is no JSON, or a field is broken.
    #[error("manifest is broken: {0}")]
    Json(String),
    /// Docker schema 1 holds its layers in a form that no current registry takes.
    #[error(
        "manifest is Docker schema 1, which registries no longer accept; build or pull and push the image again to convert it"
    )]
    Schema1,
    /// Neither its type nor its fields say what it is.
    #[error("manifest has the unknown type {0:?} and neither \"manifests\" nor \"layers\"")]
    Unknown(String),
}

/// The fields that tell the kinds apart, and those of all of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default)]
    schema_version: Option<u32>,
    #[serde(default)]
    media_type: Option<MediaType>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    blobs: Option<Vec<Descriptor>>,
    #[serde(default)]
    subject: Option<Descriptor>,
    #[serde(default, deserialize_with = "null_as_default")]
    fs_layers: Vec<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads `bytes`. Its type is the body's `mediaType`, else the header's, else what its fields
    /// show; `digest` is the digest of `bytes`.
    ///
    /// # Errors
    /// Where the content is broken, of an unknown kind, or Docker schema 1.
    pub fn parse(
        bytes: Bytes,
        header: Option<&MediaType>,
        digest: Digest,
    ) -> Result<Self, ManifestError> {
        let fields: Fields = serde_json::from_slice(&bytes)
            .map_err(|error| ManifestError::Json(error.to_string()))?;
        let stated = fields.media_type.filter(|stated| !stated.as_str().is_empty());
        let named = stated.as_ref().or(header);
        if named.is_some_and(MediaType::is_schema1)
            || (fields.schema_version == Some(1) && !fields.fs_layers.is_empty())
        {
            return Err(ManifestError::Schema1);
        }
        let is_index = match named {
            Some(named) if named.is_index() => true,
            Some(named) if named.is_single() => false,
            _ if fields.manifests.is_some() => true,
            _ if fields.layers.is_some() || fields.config.is_some() || fields.blobs.is_some() => {
                false
            }
            _ => {
                let named = named.map_or_else(String::new, ToString::to_string);
                return Err(ManifestError::Unknown(named));
            }
        };
        let media_type = match named {
            Some(named) if named.is_manifest() => named.clone(),
            Some(named) if stated.is_some() => named.clone(),
            _ if is_index => MediaType::OCI_INDEX,
            _ => MediaType::OCI_MANIFEST,
        };
        let content = if is_index {
            Content::Index(Box::new(Index::new(
                fields.manifests.unwrap_or_default(),
                fields.subject,
            )))
        } else {
            Content::Single(Box::new(Single {
                config: fields.config,
                layers: fields.layers.or(fields.blobs).unwrap_or_default(),
                subject: fields.subject,
            }))
        };
        Ok(Self { raw: RawManifest { bytes, media_type, digest }, content })
    }

    /// Is it a container image, whose configuration names a platform?
    pub fn is_image(&self) -> bool {
        match &self.content {
            Content::Index(_) => false,
            Content::Single(single) => {
                single.config.as_ref().is_some_and(|config| config.media_type.is_image_config())
            }
        }
    }
}

impl Single {
    /// Every blob that must be at the destination, each once: layers, then the configuration.
    /// Foreign layers are left out.
    pub fn blobs(&self) -> Vec<&Descriptor> {
        let mut seen = std::collections::HashSet::new();
        self.layers
            .iter()
            .chain(&self.config)
            .filter(|blob| !blob.is_foreign() && seen.insert(&blob.digest))
            .collect()
    }
}

impl RawManifest {
    /// The descriptor of the manifest, without a platform.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest.clone(),
            size: self.bytes.len() as u64,
            platform: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
        }
    }

    /// A manifest that longshore built.
    pub fn built(bytes: Vec<u8>, media_type: MediaType) -> Self {
        let digest = Digest::of(&bytes);
        Self { bytes: Bytes::from(bytes), media_type, digest }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Content, Manifest, ManifestError};
    use crate::{Digest, MediaType};

    fn parse(text: &str, header: Option<MediaType>) -> Result<Manifest, ManifestError> {
        let digest = Digest::of(text.as_bytes());
        Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), header.as_ref(), digest)
    }

    #[test]
    fn the_body_s_type_wins_then_the_header_s_then_the_fields() {
        let docker = parse(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","layers":null}"#,
            Some(MediaType::OCI_INDEX),
        );
        assert_eq!(docker.unwrap().raw.media_type, MediaType::DOCKER_MANIFEST);
        let index = parse(r#"{"schemaVersion":2,"manifests":[]}"#, None).unwrap();
        assert_eq!(index.raw.media_type, MediaType::OCI_INDEX);
        assert!(matches!(index.content, Content::Index(_)));
        let plain = parse(
            r#"{"schemaVersion":2,"layers":[]}"#,
            Some(MediaType::of_header("application/json")),
        );
        assert_eq!(plain.unwrap().raw.media_type, MediaType::OCI_MANIFEST);
    }

    #[test]
    fn schema_1_and_other_content_are_refused() {
        let schema1 = r#"{"schemaVersion":1,"name":"a","fsLayers":[{"blobSum":"x"}]}"#;
        assert_eq!(parse(schema1, None).unwrap_err(), ManifestError::Schema1);
        assert!(matches!(parse("<html>", None), Err(ManifestError::Json(_))));
        assert!(matches!(parse("{}", None), Err(ManifestError::Unknown(_))));
    }

    #[test]
    fn a_blob_that_is_listed_three_times_is_copied_once() {
        let layer = format!(r#"{{"mediaType":"x","digest":"{}","size":1}}"#, Digest::of(b"a"));
        let text = format!(r#"{{"schemaVersion":2,"layers":[{layer},{layer},{layer}]}}"#);
        let Content::Single(single) = parse(&text, None).unwrap().content else {
            panic!("an index")
        };
        assert_eq!(single.layers.len(), 3);
        assert_eq!(single.blobs().len(), 1);
    }
}
