//! Referrers: manifests with another manifest as their subject, such as signatures and SBOMs
//! (image-spec, manifest.md, "subject").

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Content, Digest, Manifest, MediaType, Tag};

/// The fallback tag under which registries without a referrers API keep `subject`'s referrers
/// (distribution-spec, "Referrers Tag Schema"); `None` if the digest cannot form a tag.
pub fn referrers_tag(subject: &Digest) -> Option<Tag> {
    let hex = subject.hex();
    let hex = hex.get(..64).unwrap_or(&hex);
    format!("{}-{hex}", subject.algorithm().name()).parse().ok()
}

/// The suffixes of cosign's tags.
const COSIGN: [&str; 3] = ["sig", "att", "sbom"];

/// Cosign's tags for an image.
pub fn cosign_tags(image: &Digest) -> impl Iterator<Item = Tag> + use<> {
    let start = format!("{}-{}", image.algorithm().name(), image.hex());
    COSIGN.iter().filter_map(move |end| format!("{start}.{end}").parse().ok())
}

/// Whether `tag` is made of a digest: a cosign tag or a fallback tag.
pub fn is_made_of_digest(tag: &Tag) -> bool {
    tag.as_str().starts_with("sha256-") || tag.as_str().starts_with("sha512-")
}

/// Whether `tag` has the exact form of a fallback tag or of a cosign tag: an algorithm, a digest, and nothing
/// or a suffix of cosign.
pub fn is_tag_of_referrers(tag: &str) -> bool {
    let Some((algorithm, rest)) = tag.split_once('-') else { return false };
    let (hex, suffix) = rest.split_once('.').map_or((rest, None), |(hex, end)| (hex, Some(end)));
    let length = match algorithm {
        "sha256" => hex.len() == 64,
        // The fallback tag has the first 64 digits.
        "sha512" => matches!(hex.len(), 64 | 128),
        _ => false,
    };
    length
        && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && suffix.is_none_or(|suffix| COSIGN.contains(&suffix))
}

/// The entry of a manifest in a list of referrers, beside type, digest and size (distribution-spec,
/// "Listing Referrers").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The subject.
    pub subject: Digest,
    /// The manifest's `artifactType`, or else the media type of its configuration.
    pub artifact_type: Option<String>,
    /// The manifest's annotations.
    pub annotations: Option<Value>,
}

/// The fields of a manifest that a list of referrers repeats.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Repeated {
    artifact_type: Option<String>,
    annotations: Option<Value>,
}

/// Returns the type of an artifact (image-spec, manifest.md, "artifactType"), or else that of its configuration. It
/// need not have a subject.
pub fn artifact_type(manifest: &Manifest) -> Option<String> {
    Repeated::of(manifest).artifact_type(manifest)
}

impl Repeated {
    fn of(manifest: &Manifest) -> Self {
        serde_json::from_slice(&manifest.raw.bytes).unwrap_or_default()
    }

    fn artifact_type(&self, manifest: &Manifest) -> Option<String> {
        let stated = self.artifact_type.clone().filter(|stated| !stated.is_empty());
        stated.or_else(|| match &manifest.content {
            Content::Index(_) => None,
            Content::Single(single) => {
                single.config.as_ref().map(|config| config.media_type.to_string())
            }
        })
    }
}

impl Referrer {
    /// Reads the referrer fields of `manifest`; `None` if it has no subject.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let subject = match &manifest.content {
            Content::Index(index) => index.subject.as_ref(),
            Content::Single(single) => single.subject.as_ref(),
        };
        let subject = subject?.digest.clone();
        let repeated = Repeated::of(manifest);
        let artifact_type = repeated.artifact_type(manifest);
        Some(Self { subject, artifact_type, annotations: repeated.annotations })
    }

    /// Its descriptor in a list of referrers.
    pub fn descriptor(&self, media_type: &MediaType, digest: &Digest, size: u64) -> Value {
        let mut descriptor = json!({ "mediaType": media_type, "digest": digest, "size": size });
        if let Some(artifact_type) = &self.artifact_type {
            descriptor["artifactType"] = json!(artifact_type);
        }
        if let Some(annotations) = &self.annotations {
            descriptor["annotations"] = annotations.clone();
        }
        descriptor
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{
        Referrer, artifact_type, cosign_tags, is_made_of_digest, is_tag_of_referrers, referrers_tag,
    };
    use crate::{Algorithm, Digest, Hasher, Manifest, Tag};

    fn manifest(fields: &str) -> Manifest {
        let text = format!(r#"{{"schemaVersion":2,"layers":[]{fields}}}"#);
        let digest = Digest::of(text.as_bytes());
        Manifest::parse(Bytes::from(text), None, digest).unwrap()
    }

    fn of(fields: &str) -> Option<Referrer> {
        Referrer::of(&manifest(fields))
    }

    #[test]
    fn an_artifact_without_a_subject_has_a_type_too() {
        let digest = Digest::of(b"image");
        let config = format!(r#","config":{{"mediaType":"c","digest":"{digest}","size":1}}"#);
        assert_eq!(artifact_type(&manifest(&config)).as_deref(), Some("c"));
        let both = manifest(&format!(r#"{config},"artifactType":"a""#));
        assert_eq!(artifact_type(&both).as_deref(), Some("a"));
        assert_eq!(artifact_type(&manifest("")), None);
    }

    #[test]
    fn the_artifact_type_falls_back_to_the_configuration_s() {
        let digest = Digest::of(b"image");
        let subject = format!(r#","subject":{{"digest":"{digest}","size":1}}"#);
        let config =
            format!(r#"{subject},"config":{{"mediaType":"c","digest":"{digest}","size":1}}"#);
        let both = format!(r#"{config},"artifactType":"a","annotations":{{"k":"v"}}"#);
        assert_eq!(of(&config).unwrap().artifact_type.as_deref(), Some("c"));
        let referrer = of(&both).unwrap();
        assert_eq!(referrer.subject, digest);
        let descriptor = referrer.descriptor(&"m".to_owned().into(), &digest, 7);
        assert_eq!(descriptor["artifactType"], "a");
        assert_eq!(descriptor["annotations"]["k"], "v");
        assert_eq!(of(""), None, "nothing is referred to");
    }

    #[test]
    fn the_tag_is_the_digest_cut_to_what_a_tag_may_be() {
        let tag = referrers_tag(&Digest::of(b"")).unwrap();
        assert_eq!(
            tag.as_str(),
            "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let long = Hasher::new(Algorithm::Sha512).finish();
        assert_eq!(referrers_tag(&long).unwrap().as_str().len(), "sha512-".len() + 64);
    }

    #[test]
    fn cosign_s_tags_are_the_digest_with_an_ending() {
        let tags: Vec<Tag> = cosign_tags(&Digest::of(b"")).collect();
        assert_eq!(tags.len(), 3);
        assert!(
            tags[0].as_str().starts_with("sha256-e3b0c442") && tags[0].as_str().ends_with(".sig")
        );
        assert!(tags.iter().all(is_made_of_digest));
        let long = Hasher::new(Algorithm::Sha512).finish();
        assert_eq!(cosign_tags(&long).count(), 0, "they are too long for tags");
    }

    #[test]
    fn only_the_exact_form_is_a_tag_of_referrers() {
        let digest = Digest::of(b"x");
        let fallback = referrers_tag(&digest).unwrap();
        let tags: Vec<Tag> = cosign_tags(&digest).chain([fallback.clone()]).collect();
        assert_eq!(tags.len(), 4);
        assert!(tags.iter().all(|tag| is_tag_of_referrers(tag.as_str())));
        for other in [
            "latest",
            "sha256-abc",
            "sha256",
            "1.0-rc",
            "sha256-g",
            &format!("{fallback}.sig2"),
            &format!("{fallback}.amd64"),
            &format!("{fallback}0"),
            &fallback.as_str().to_uppercase(),
            &fallback.as_str().replace("sha256", "sha384"),
        ] {
            assert!(!is_tag_of_referrers(other), "{other}");
        }
    }
}
