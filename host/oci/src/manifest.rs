//! Manifests: the raw bytes, and the parsed fields that copying needs.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::parts::null_as_default;
use super::{Descriptor, Digest, Index, MediaType};

/// The largest manifest that is read, written or kept, in bytes. Registries should accept that much (distribution-spec,
/// "Pushing Manifests").
pub const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// A manifest as fetched or built. The hashed bytes are those that are pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawManifest {
    /// The raw bytes.
    pub bytes: Bytes,
    /// The media type for the push.
    pub media_type: MediaType,
    /// The digest of `bytes`.
    pub digest: Digest,
}

/// A manifest: its raw bytes and its content.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The exact bytes.
    pub raw: RawManifest,
    /// The parsed content.
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
    /// The configuration; missing in artifact manifests of image-spec 1.1-rc.
    pub config: Option<Descriptor>,
    /// Layers or blobs, in order, including duplicates.
    pub layers: Vec<Descriptor>,
    /// The subject, as for signatures.
    pub subject: Option<Descriptor>,
}

/// Why content is not a manifest that can be mirrored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The content is not JSON, or a field is broken.
    #[error("manifest is broken: {0}")]
    Json(String),
    /// Docker schema 1 embeds its layers in a form that current registries reject.
    #[error(
        "manifest is Docker schema 1, which registries no longer accept; build or pull and push the image again to convert it"
    )]
    Schema1,
    /// Neither the media type nor the fields tell what it is.
    #[error("manifest has the unknown type {0:?} and neither \"manifests\" nor \"layers\"")]
    Unknown(String),
}

/// The fields that distinguish the kinds, and the common ones.
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
    /// Parses `bytes`, whose digest is `digest`.
    ///
    /// The media type is the body's `mediaType`, else the header's, else it follows from the
    /// fields.
    ///
    /// # Errors
    /// If the content is broken, of an unknown kind, or Docker schema 1.
    pub fn parse(
        bytes: Bytes,
        header: Option<&MediaType>,
        digest: Digest,
    ) -> Result<Self, ManifestError> {
        // serde would take the elements of an array for fields.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(ManifestError::Json("it is an array, not an object".to_owned()));
        }
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

    /// Whether it is a container image, whose configuration names a platform.
    pub fn is_image(&self) -> bool {
        match &self.content {
            Content::Index(_) => false,
            Content::Single(single) => {
                single.config.as_ref().is_some_and(|config| config.media_type.is_image_config())
            }
        }
    }
}

impl Content {
    /// The digest of the archive, if this is a Helm chart.
    pub fn chart_archive(&self) -> Option<&Digest> {
        match self {
            Self::Single(single) => single.chart_content().map(|layer| &layer.digest),
            Self::Index(_) => None,
        }
    }
}

impl Single {
    /// The layer with the archive, if this is a Helm chart.
    pub fn chart_content(&self) -> Option<&Descriptor> {
        let is_chart = self.config.as_ref()?.media_type == MediaType::HELM_CONFIG;
        let types = [MediaType::HELM_CONTENT, MediaType::HELM_LEGACY_CONTENT];
        self.layers.iter().find(|layer| is_chart && types.contains(&layer.media_type))
    }

    /// All blobs that the destination must hold, without duplicates: layers, then the
    /// configuration. Foreign layers are skipped.
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

    /// Makes a manifest that longshore built.
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
        for array in ["[]", " [2]", r#"[2,"application/vnd.oci.image.manifest.v1+json"]"#] {
            let parsed = parse(array, Some(MediaType::OCI_MANIFEST));
            assert!(matches!(parsed, Err(ManifestError::Json(_))), "{array}");
        }
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
