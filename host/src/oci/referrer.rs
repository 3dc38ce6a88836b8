//! Referrers: manifests that name another one as their subject, as signatures and SBOMs do
//! (image-spec, manifest.md, "subject").

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Content, Digest, Manifest, MediaType};

/// What a list of referrers says of a manifest beside its type, digest and size
/// (distribution-spec, "Listing Referrers").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrer {
    /// The manifest that is referred to.
    pub subject: Digest,
    /// The manifest's `artifactType`, else the type of its configuration.
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

impl Referrer {
    /// What `manifest` is as a referrer; `None` where it has no subject.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let (config, subject) = match &manifest.content {
            Content::Index(index) => (None, index.subject.as_ref()),
            Content::Single(single) => (single.config.as_ref(), single.subject.as_ref()),
        };
        let subject = subject?.digest.clone();
        let repeated: Repeated = serde_json::from_slice(&manifest.raw.bytes).unwrap_or_default();
        let stated = repeated.artifact_type.filter(|stated| !stated.is_empty());
        let config_s = || config.map(|config| config.media_type.to_string());
        Some(Self {
            subject,
            artifact_type: stated.or_else(config_s),
            annotations: repeated.annotations,
        })
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

    use super::Referrer;
    use crate::oci::{Digest, Manifest};

    fn of(fields: &str) -> Option<Referrer> {
        let text = format!(r#"{{"schemaVersion":2,"layers":[]{fields}}}"#);
        let digest = Digest::of(text.as_bytes());
        Referrer::of(&Manifest::parse(Bytes::from(text), None, digest).unwrap())
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
}
