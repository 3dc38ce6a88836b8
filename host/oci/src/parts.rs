//! Reads parts of descriptors in bounded memory. A short text of JSON may name very many parts, and each
//! takes much more memory than its text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The annotation with which BuildKit's attestations name their image.
pub(super) const ATTESTATION_OF: &str = "vnd.docker.reference.digest";
/// The annotation with which image layouts name a manifest (image-spec, annotations.md).
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The most texts kept of a list.
const TEXTS: usize = 64;

/// Reads `null` as empty, as Go writes empty lists and maps.
pub(super) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads the first texts of a list or `null`.
pub(super) fn first_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<String>, D::Error> {
    Ok(first_texts_if_any(deserializer)?.unwrap_or_default())
}

/// Like [`first_texts`]; `None` for `null`.
pub(super) fn first_texts_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    Ok(Option::<FirstTexts>::deserialize(deserializer)?.map(|FirstTexts(texts)| texts))
}

struct FirstTexts(Vec<String>);

impl<'de> Deserialize<'de> for FirstTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = FirstTexts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FirstTexts, A::Error> {
                let mut texts = Vec::new();
                while texts.len() < TEXTS {
                    let Some(text) = list.next_element()? else { return Ok(FirstTexts(texts)) };
                    texts.push(text);
                }
                while list.next_element::<Cow<'de, str>>()?.is_some() {}
                Ok(FirstTexts(texts))
            }
        }
        deserializer.deserialize_seq(Texts)
    }
}

/// Reads the annotations that longshore knows; `null` is empty.
pub(super) fn annotations<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    Ok(Option::<Known>::deserialize(deserializer)?.map_or_else(BTreeMap::new, |Known(known)| known))
}

struct Known(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Annotations;
        impl<'de> Visitor<'de> for Annotations {
            type Value = Known;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Known, A::Error> {
                let mut known = BTreeMap::new();
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    if [ATTESTATION_OF, REF_NAME].contains(&&*key) {
                        known.insert(key.into_owned(), map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Known(known))
            }
        }
        deserializer.deserialize_map(Annotations)
    }
}

#[cfg(test)]
mod tests {
    use super::TEXTS;
    use crate::{Descriptor, Digest};

    fn descriptor(fields: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"digest":"{}","size":1,{fields}}}"#, Digest::of(b"")))
    }

    #[test]
    fn only_known_annotations_are_kept() {
        let others: String = (0..1000).map(|number| format!(r#""{number}":"x","#)).collect();
        let known = Descriptor::REF_NAME;
        let read = descriptor(&format!(r#""annotations":{{{others}"{known}":"v1"}}"#)).unwrap();
        assert_eq!(read.annotations.len(), 1);
        assert_eq!(read.annotations[known], "v1");
        assert!(descriptor(r#""annotations":{"a":[{}]}"#).unwrap().annotations.is_empty());
        assert!(descriptor(r#""annotations":{"a":"b"}"#).unwrap().annotations.is_empty());
        assert!(descriptor(r#""annotations":["a"]"#).is_err());
    }

    #[test]
    fn only_the_first_texts_of_a_list_are_kept() {
        let many = format!("[{}\"x\"]", "\"x\",".repeat(10_000));
        assert_eq!(descriptor(&format!(r#""urls":{many}"#)).unwrap().urls.len(), TEXTS);
        let platform = format!(r#""platform":{{"os.features":{many}}}"#);
        let features = descriptor(&platform).unwrap().platform.unwrap().os_features.unwrap();
        assert_eq!(features.len(), TEXTS);
        for (written, count) in [("null", None), ("[]", Some(0)), (r#"["a","b"]"#, Some(2))] {
            let read = descriptor(&format!(r#""platform":{{"os.features":{written}}}"#)).unwrap();
            let features = read.platform.unwrap().os_features;
            assert_eq!(features.map(|features| features.len()), count, "{written}");
        }
        assert!(descriptor(r#""urls":[1]"#).is_err());
    }
}
