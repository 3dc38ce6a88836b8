//! Builds the text of indexes: with selected children, with more children, or around a single
//! image.

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Manifest, MediaType, Platform, RawManifest};

/// The fields of a JSON object, in order and with their original text.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl RawManifest {
    /// Builds an index with only the children at `positions`, of type `media_type`.
    ///
    /// Order, annotations and the kept descriptors are copied from the original text.
    ///
    /// # Errors
    /// If `self` is not a JSON object with a list of manifests.
    pub fn with_children(
        &self,
        positions: &[usize],
        media_type: &MediaType,
    ) -> Result<Self, serde_json::Error> {
        let mut fields: Fields = serde_json::from_slice(&self.bytes)?;
        let mut states_its_type = false;
        for (key, value) in &mut fields.0 {
            match key.as_str() {
                "manifests" => {
                    let all: Vec<&RawValue> = serde_json::from_str(value.get())?;
                    let kept: Vec<&RawValue> =
                        positions.iter().filter_map(|&at| all.get(at).copied()).collect();
                    *value = serde_json::value::to_raw_value(&kept)?;
                }
                "mediaType" => {
                    states_its_type = true;
                    *value = serde_json::value::to_raw_value(media_type)?;
                }
                _ => {}
            }
        }
        // `mediaType` is optional in an OCI index, but a Docker list must state its own.
        if !states_its_type && *media_type != MediaType::OCI_INDEX {
            let stated = serde_json::value::to_raw_value(media_type)?;
            fields.0.insert(fields.0.len().min(1), ("mediaType".to_owned(), stated));
        }
        Ok(Self::built(serde_json::to_vec(&fields)?, media_type.clone()))
    }

    /// Builds an index with the descriptors `more` after the existing ones, whose text is kept.
    ///
    /// # Errors
    /// If `self` is not a JSON object with a list of manifests.
    pub fn with_more_children(
        &self,
        more: &[serde_json::Value],
    ) -> Result<Self, serde_json::Error> {
        let mut fields: Fields = serde_json::from_slice(&self.bytes)?;
        for (_, value) in fields.0.iter_mut().filter(|(key, _)| key == "manifests") {
            let held: Option<Vec<&RawValue>> = serde_json::from_str(value.get())?;
            let added: Vec<Box<RawValue>> =
                more.iter().map(serde_json::value::to_raw_value).collect::<Result<_, _>>()?;
            let all: Vec<&RawValue> = held
                .unwrap_or_default()
                .into_iter()
                .chain(added.iter().map(|added| &**added))
                .collect();
            *value = serde_json::value::to_raw_value(&all)?;
        }
        Ok(Self::built(serde_json::to_vec(&fields)?, self.media_type.clone()))
    }
}

/// Builds an index of `media_type` with the only child `image`, for `--index docker|oci`.
///
/// # Errors
/// Never in practice: the values always serialize.
pub fn wrap(
    image: &Manifest,
    platform: Option<&Platform>,
    media_type: &MediaType,
) -> Result<RawManifest, serde_json::Error> {
    let mut child = serde_json::json!({
        "mediaType": image.raw.media_type,
        "size": image.raw.bytes.len(),
        "digest": image.raw.digest,
    });
    if let Some(platform) = platform {
        child["platform"] = serde_json::to_value(platform)?;
    }
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [child],
    });
    Ok(RawManifest::built(serde_json::to_vec(&index)?, media_type.clone()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::wrap;
    use crate::{Content, Digest, Manifest, MediaType, PlatformFilter, RawManifest, Selection};

    fn child(name: &str, extra: &str) -> String {
        let digest = Digest::of(name.as_bytes());
        format!(r#"{{"mediaType":"m","size":1.0e0,"digest":"{digest}"{extra}}}"#)
            .replace("1.0e0", "1")
    }

    fn index(children: &[String]) -> Manifest {
        let text = format!(
            r#"{{ "schemaVersion": 2,  "x-odd": 1.50, "manifests": [{}], "annotations": {{"a":"b"}} }}"#,
            children.join(" , ")
        );
        let digest = Digest::of(text.as_bytes());
        Manifest::parse(Bytes::from(text), Some(&MediaType::OCI_INDEX), digest).unwrap()
    }

    fn select(manifest: &Manifest, arch: &str) -> Selection {
        let filter = PlatformFilter::of_flags(Some(arch), Some("linux")).unwrap();
        let Content::Index(index) = &manifest.content else { panic!("no index") };
        index.select(&filter)
    }

    fn platform(arch: &str) -> String {
        format!(r#","platform":{{"os":"linux","architecture":"{arch}"}}"#)
    }

    fn attestation(of: &str) -> String {
        format!(
            r#","platform":{{"os":"unknown","architecture":"unknown"}},"annotations":{{"vnd.docker.reference.digest":"{}"}}"#,
            Digest::of(of.as_bytes())
        )
    }

    #[test]
    fn attestations_follow_and_children_without_platform_stay() {
        let manifest = index(&[
            child("amd", &platform("amd64")),
            child("arm", &platform("arm64")),
            child("amd-att", &attestation("amd")),
            child("arm-att", &attestation("arm")),
            child("bare", ""),
        ]);
        assert_eq!(select(&manifest, "amd64"), Selection::Part(vec![0, 2, 4]));
        assert_eq!(select(&manifest, "amd64,arm64"), Selection::All);
        assert_eq!(select(&manifest, "s390x"), Selection::Part(vec![4]));
    }

    #[test]
    fn nothing_is_told_from_a_part() {
        let manifest =
            index(&[child("amd", &platform("amd64")), child("att", &attestation("amd"))]);
        assert_eq!(select(&manifest, "arm64"), Selection::Nothing);
    }

    #[test]
    fn what_is_kept_is_the_source_s_own_text() {
        let manifest = index(&[child("a", &platform("amd64")), child("b", &platform("arm64"))]);
        let part = manifest.raw.with_children(&[1], &MediaType::OCI_INDEX).unwrap();
        let text = String::from_utf8(part.bytes.to_vec()).unwrap();
        let kept = child("b", &platform("arm64"));
        assert_eq!(
            text,
            format!(
                r#"{{"schemaVersion":2,"x-odd":1.50,"manifests":[{kept}],"annotations":{{"a":"b"}}}}"#
            )
        );
        assert_eq!(part.digest, Digest::of(text.as_bytes()));
        let docker = manifest.raw.with_children(&[0], &MediaType::DOCKER_LIST).unwrap();
        let text = String::from_utf8(docker.bytes.to_vec()).unwrap();
        assert!(text.starts_with(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json""#
        ), "{text}");
    }

    #[test]
    fn more_children_come_behind_and_the_rest_stays() {
        let manifest = index(&[child("a", &platform("amd64"))]);
        let more = serde_json::json!({"mediaType": "m", "size": 2, "digest": "d"});
        let both = manifest.raw.with_more_children(&[more]).unwrap();
        let text = String::from_utf8(both.bytes.to_vec()).unwrap();
        let held = child("a", &platform("amd64"));
        assert_eq!(
            text,
            format!(
                r#"{{"schemaVersion":2,"x-odd":1.50,"manifests":[{held},{{"mediaType":"m","size":2,"digest":"d"}}],"annotations":{{"a":"b"}}}}"#
            )
        );
    }

    #[test]
    fn a_single_manifest_is_wrapped_under_its_platform() {
        let text = br#"{"schemaVersion":2,"layers":[]}"#;
        let image = Manifest::parse(Bytes::from_static(text), None, Digest::of(text)).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let list: RawManifest = wrap(&image, Some(&platform), &MediaType::DOCKER_LIST).unwrap();
        let parsed = Manifest::parse(list.bytes, None, list.digest).unwrap();
        let Content::Index(index) = parsed.content else { panic!("no index") };
        assert_eq!(index.manifests[0].digest, image.raw.digest);
        assert_eq!(index.manifests[0].platform.as_ref(), Some(&platform));
    }
}
