//! Descriptors: media type, digest and size of content (image-spec, descriptor.md).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::parts::{self, annotations, first_texts};
use super::{Digest, MediaType, Platform};

/// The fields of a descriptor that longshore reads; the raw manifest holds all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The content's media type; empty if missing, as in some Docker content.
    #[serde(default = "no_media_type")]
    pub media_type: MediaType,
    /// The content's digest.
    pub digest: Digest,
    /// The content's size in bytes, as the descriptor says; 0 if it has none, or an impossible one. The
    /// digest decides what the content is.
    #[serde(default, deserialize_with = "size")]
    pub size: u64,
    /// The platform of an index's child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The annotations [`Self::ATTESTATION_OF`] and [`Self::REF_NAME`], if they are texts.
    #[serde(default, deserialize_with = "annotations", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The first URLs of foreign content.
    #[serde(default, deserialize_with = "first_texts", skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
}

/// The largest size that is believed, 16 TiB. With it, the sums of a run's sizes fit into 64 bits.
const LARGEST: u64 = 1 << 44;

/// Reads a size. Anything but a whole number from 0 to [`LARGEST`] counts as 0.
fn size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Number(number) => Some(number),
        _ => None,
    };
    let whole = |number: &serde_json::Number| {
        let float = number.as_f64().filter(|size| *size >= 0.0 && size.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole size")]
        Some(float as u64)
    };
    let size = number.and_then(|number| number.as_u64().or_else(|| whole(&number)));
    Ok(size.filter(|size| *size <= LARGEST).unwrap_or(0))
}

fn no_media_type() -> MediaType {
    MediaType::from(String::new())
}

impl Descriptor {
    /// The annotation with which BuildKit's attestations name their image.
    pub const ATTESTATION_OF: &'static str = parts::ATTESTATION_OF;
    /// The annotation with which image layouts name a manifest (image-spec, annotations.md).
    pub const REF_NAME: &'static str = parts::REF_NAME;

    /// Whether a child of an index with this descriptor may be a manifest. Other children are
    /// blobs.
    pub fn may_be_manifest(&self) -> bool {
        self.media_type.may_be_manifest()
    }

    /// Whether only the content of a child of an index tells if it is a manifest or a blob: the media type is
    /// missing or unknown.
    pub fn is_unclear(&self) -> bool {
        self.may_be_manifest() && !self.media_type.is_manifest()
    }

    /// Whether the content lives elsewhere and is not copied.
    pub fn is_foreign(&self) -> bool {
        self.media_type.is_foreign() && !self.urls.is_empty()
    }

    /// The digest of the child that an attestation child describes.
    pub fn attestation_of(&self) -> Option<&str> {
        let unknown = self.platform.as_ref().is_some_and(Platform::is_unknown);
        self.annotations.get(Self::ATTESTATION_OF).filter(|_| unknown).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Descriptor;

    #[test]
    fn nulls_and_missing_fields_are_empty() {
        let digest = super::Digest::of(b"").to_string();
        let text =
            format!(r#"{{"digest":"{digest}","size":3,"urls":null,"annotations":null,"x":1}}"#);
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(descriptor.size, 3);
        assert_eq!(descriptor.media_type.as_str(), "");
        assert!(!descriptor.is_foreign());
    }

    #[test]
    fn children_that_are_blobs_are_told_from_manifests() {
        for (media_type, may_be_manifest, is_unclear) in [
            ("application/vnd.oci.image.manifest.v1+json", true, false),
            ("application/vnd.oci.image.index.v1+json", true, false),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", true, false),
            ("application/vnd.example.manifest.v3+json", true, true),
            ("application/vnd.example.index", true, true),
            ("", true, true),
            ("application/vnd.oci.image.layer.v1.tar+gzip", false, false),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", false, false),
            ("application/vnd.buildkit.cacheconfig.v0", false, false),
            ("application/octet-stream", false, false),
        ] {
            let digest = super::Digest::of(b"");
            let text = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":0}}"#);
            let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
            assert_eq!(descriptor.may_be_manifest(), may_be_manifest, "{media_type}");
            assert_eq!(descriptor.is_unclear(), is_unclear, "{media_type}");
        }
    }

    #[test]
    fn a_size_that_cannot_be_counts_as_not_said() {
        let digest = super::Digest::of(b"");
        for (size, read) in [
            (r#","size":-1"#, 0),
            (r#","size":null"#, 0),
            (r#","size":1.5"#, 0),
            ("", 0),
            (r#","size":7"#, 7),
            (r#","size":1.0e3"#, 1000),
            (r#","size":1000000000000"#, 1_000_000_000_000),
            (r#","size":17592186044417"#, 0),
            (r#","size":18446744073709551615"#, 0),
            (r#","size":1180591620717411303424"#, 0),
            (r#","size":1e300"#, 0),
            (r#","size":"7""#, 0),
            (r#","size":[7]"#, 0),
            (r#","size":true"#, 0),
        ] {
            let text = format!(r#"{{"digest":"{digest}"{size}}}"#);
            assert_eq!(serde_json::from_str::<Descriptor>(&text).unwrap().size, read, "{size}");
        }
    }
}
